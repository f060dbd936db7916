import CNetISR
import Glibc
import Synchronization
import Testing
import TestSupport

@testable import NetISR

/// Threads that receive and handle in turn: each is the worker of its own CPU.
@Suite struct PollTests {
  /// Half of the packets belong to the other thread's workstream: all are handled, those of a flow in order, on its CPU.
  @Test func twoThreadsWorkForEachOther() throws {
    let count = CPlugin.sanitizer == nil ? 50_000 : 5_000
    let engine = Engine(Engine.Configuration(cpuCount: 2, dispatch: .hybrid))
    // By sender and flow.
    let last = (0..<4).map { _ in Atomic64() }
    let handled = Atomic64(), late = Atomic64(), elsewhere = Atomic64()
    try engine.register(
      11, named: "test", policy: .flow, queueLimit: 10_240,
      TestHandler { m in
        let stream = Int(m.pointee.m_pkthdr.ph_loc.1)
        if last[stream].exchange(m.pointee.m_pkthdr.ph_loc.0) >= m.pointee.m_pkthdr.ph_loc.0 { late.add(1) }
        if Engine.current!.cpu != netisr_default_flow2cpu(m.pointee.m_pkthdr.flowid) { elsewhere.add(1) }
        handled.add(1)
        m_freem(m)
      })
    let flows = (0..<2).map { cpu in
      (UInt32(0)...).first { f in engine.withAttachedThread { netisr_default_flow2cpu(f) } == cpu }!
    }
    runThreads(2) { sender in
      engine.withAttachedThread(cpu: UInt32(sender)) {
        for number in 1...count {
          for flow in 0..<2 {
            let m = m_gethdr(M_NOWAIT, MT_DATA)!
            m.pointee.m_pkthdr.flowid = flows[flow]
            m.pointee.m_pkthdr.rsstype = UInt8(M_HASHTYPE_OPAQUE)
            m.pointee.m_pkthdr.ph_loc.0 = UInt64(number)
            m.pointee.m_pkthdr.ph_loc.1 = UInt64(2 * sender + flow)
            // Never more than the queues take.
            while engine.room < 256 { engine.pollWorker() }
            _ = netisr_dispatch(11, m)
          }
          if number % 32 == 0 { engine.pollWorker() }
        }
        while handled.value < UInt64(4 * count) { if !engine.pollWorker() { sched_yield() } }
      }
    }
    #expect(handled.value == UInt64(4 * count) && late.value == 0 && elsewhere.value == 0)
    let balance = engine.conservation()
    #expect(balance.isBalanced && balance.dropped.isEmpty && engine.mbufStatistics.mbufs.inFlight == 0)
    // Some by hybrid dispatch, some from the queues.
    let work = engine.workstreamStatistics().flatMap(\.work)
    #expect(work.allSatisfy { $0.hybridDispatched > 0 && $0.queued > 0 })
  }

  /// A worker that was polled is awake, and not woken; run by hand it does what is left.
  @Test func whatIsLeftIsDoneByHand() throws {
    let engine = Engine(Engine.Configuration(cpuCount: 1, dispatch: .deferred))
    let handled = Atomic64()
    try engine.register(
      11, named: "test",
      TestHandler { m in
        handled.add(1)
        m_freem(m)
      })
    engine.withAttachedThread {
      #expect(!engine.pollWorker())
      #expect(netisr_dispatch(11, m_gethdr(M_NOWAIT, MT_DATA)) == 0)
      #expect(engine.pollWorker() && handled.value == 1)
      #expect(netisr_dispatch(11, m_gethdr(M_NOWAIT, MT_DATA)) == 0)
    }
    #expect(engine.runWorker(0) && handled.value == 2)
    #expect(!engine.runWorker(0) && engine.isDrained)
  }
}

/// A number that threads share.
private final class Atomic64: Sendable {
  private let word = Atomic<UInt64>(0)

  var value: UInt64 { word.load(ordering: .acquiring) }
  func add(_ n: UInt64) { word.wrappingAdd(n, ordering: .acquiringAndReleasing) }
  func exchange(_ n: UInt64) -> UInt64 { word.exchange(n, ordering: .acquiringAndReleasing) }
}
