import CNetISR
import Foundation
import NetISR
import Synchronization
import Testing
import TestSupport

/// Many senders, workers, policies and changes at once: order per source or flow, and the balance.
@Suite struct ConcurrencyTests {
  struct Case: CustomTestStringConvertible, Sendable {
    let policy: Policy
    let dispatch: Dispatch
    var testDescription: String { "\(policy) \(dispatch)" }
  }

  static let cases = [Policy.source, .flow, .cpu].flatMap { policy in
    [Dispatch.direct, .hybrid, .deferred].map { Case(policy: policy, dispatch: $0) }
  }

  @Test(arguments: cases)
  func everySourceKeepsItsOrder(_ one: Case) throws {
    let senders = 4
    let packets = CPlugin.sanitizer == nil ? 20_000 : 4_000
    let engine = Engine(Engine.Configuration(cpuCount: 3, dispatch: one.dispatch))
    // Each sender is one source, one flow and one preference for a CPU; its packets come one after another.
    let seen = (0..<senders).map { _ in Seen() }
    var handler = TestHandler { m in
      let sender = Int(m.pointee.m_pkthdr.ph_loc.0)
      seen[sender].note(m.pointee.m_pkthdr.ph_loc.1)
      m_freem(m)
    }
    if one.policy == .flow {
      handler.m2flow = { m in
        m.pointee.m_pkthdr.flowid = UInt32(m.pointee.m_pkthdr.ph_loc.0)
        m.pointee.m_pkthdr.rsstype = UInt8(M_HASHTYPE_OPAQUE)
        return m
      }
    }
    if one.policy == .cpu { handler.m2cpuid = { m in (m, UInt32(m.pointee.m_pkthdr.ph_loc.0)) } }
    try engine.register(11, named: "test", policy: one.policy, queueLimit: 64, handler)
    engine.startWorkers()
    let refused = Atomic<Int>(0)
    let threads = (0..<senders).map { sender in
      NetISR.Thread(name: "sender") {
        engine.withAttachedThread(cpu: UInt32(sender % 3)) {
          for number in 1...packets {
            while engine.room < 8 { sched_yield() }
            guard let m = m_gethdr(M_NOWAIT, MT_DATA) else { fatalError("no mbuf") }
            m.pointee.m_pkthdr.ph_loc.0 = UInt64(sender)
            m.pointee.m_pkthdr.ph_loc.1 = UInt64(number)
            if netisr_dispatch_src(11, UInt(sender), m) != 0 { refused.wrappingAdd(1, ordering: .relaxed) }
          }
        }
      }
    }
    // Meanwhile, the queue limit and the protocol's record change.
    for round in 0..<50 {
      try engine.setQueueLimit(of: 11, to: 64 + round)
      try engine.setDispatchPolicy(of: 11, to: one.dispatch)
    }
    for thread in threads { thread.join() }
    while !engine.isDrained { sched_yield() }
    engine.stopWorkers()

    #expect(seen.allSatisfy { $0.disorder == 0 })
    let handled = seen.reduce(0) { $0 + $1.count }
    let balance = engine.conservation()
    #expect(balance.isBalanced && balance.received == UInt64(senders * packets))
    #expect(handled + refused.load(ordering: .relaxed) == senders * packets)
    #expect(engine.mbufStatistics.mbufs.inFlight == 0)
  }

  /// The original misorders for a short while when the policy changes.
  @Test(arguments: [Policy.source, .flow, .cpu])
  func orderHoldsOverChangesOfTheDispatchPolicy(policy: Policy) throws {
    let senders = 3
    let packets = CPlugin.sanitizer == nil ? 60_000 : 6_000
    let engine = Engine(Engine.Configuration(cpuCount: 3, dispatch: .deferred))
    let seen = (0..<senders).map { _ in Seen() }
    var handler = TestHandler { m in
      seen[Int(m.pointee.m_pkthdr.ph_loc.0)].note(m.pointee.m_pkthdr.ph_loc.1)
      m_freem(m)
    }
    if policy == .flow {
      handler.m2flow = { m in
        m.pointee.m_pkthdr.flowid = UInt32(m.pointee.m_pkthdr.ph_loc.0)
        m.pointee.m_pkthdr.rsstype = UInt8(M_HASHTYPE_OPAQUE)
        return m
      }
    }
    if policy == .cpu { handler.m2cpuid = { m in (m, UInt32(m.pointee.m_pkthdr.ph_loc.0)) } }
    try engine.register(11, named: "test", policy: policy, handler)
    engine.startWorkers()
    let done = Atomic<Int>(0)
    let threads = (0..<senders).map { sender in
      NetISR.Thread(name: "sender") {
        engine.withAttachedThread(cpu: UInt32((sender + 1) % 3)) {
          for number in 1...packets {
            while engine.room < 8 { sched_yield() }
            guard let m = m_gethdr(M_NOWAIT, MT_DATA) else { fatalError("no mbuf") }
            m.pointee.m_pkthdr.ph_loc.0 = UInt64(sender)
            m.pointee.m_pkthdr.ph_loc.1 = UInt64(number)
            guard netisr_dispatch_src(11, UInt(sender), m) == 0 else { fatalError("refused") }
          }
          done.wrappingAdd(1, ordering: .releasing)
        }
      }
    }
    var random = SystemRandomNumberGenerator()
    var changes = 0
    while done.load(ordering: .acquiring) < senders {
      let next = [Dispatch.direct, .hybrid, .deferred].randomElement(using: &random)!
      if Bool.random(using: &random) {
        engine.dispatchPolicy = next
      } else {
        try engine.setDispatchPolicy(of: 11, to: Bool.random(using: &random) ? next : .default)
      }
      changes += 1
      usleep(200)
    }
    for thread in threads { thread.join() }
    while !engine.isDrained { sched_yield() }
    engine.stopWorkers()
    #expect(seen.allSatisfy { $0.disorder == 0 }, "\(seen.map(\.disorder)) late, of \(changes) changes")
    #expect(seen.allSatisfy { $0.count == packets })
    #expect(engine.conservation().isBalanced && engine.mbufStatistics.mbufs.inFlight == 0)
    print("\(policy): \(senders * packets) packets in order over \(changes) changes of the dispatch policy")
  }

  @Test func batchesAreHandledInOrderAndCounted() throws {
    let engine = Engine(Engine.Configuration(cpuCount: 1, dispatch: .direct))
    nonisolated(unsafe) var order: [UInt64] = []
    try engine.register(
      11, named: "test", queueLimit: 4,
      TestHandler { m in
        order.append(m.pointee.m_pkthdr.ph_loc.0)
        m_freem(m)
      })
    engine.withAttachedThread {
      func batch(_ numbers: Range<UInt64>) -> [UnsafeMutablePointer<mbuf>?] {
        numbers.map { number in
          let m = m_gethdr(M_NOWAIT, MT_DATA)!
          m.pointee.m_pkthdr.ph_loc.0 = number
          return m
        }
      }
      var direct = batch(0..<10)
      #expect(netisr_dispatch_batch(11, 0, &direct, 10) == 10)
      var queued = batch(10..<16)
      #expect(netisr_queue_batch(11, 0, &queued, 6) == 4)
    }
    engine.runWorker(0)
    #expect(order == Array(0..<14))
    #expect(try engine.queueDrops(of: 11) == 2)
    #expect(engine.conservation().isBalanced)
  }
}

/// The numbers of one sender, as its packets are handled: only ever by one thread at a time, if order holds.
private final class Seen: @unchecked Sendable {
  private let last = Atomic<UInt64>(0)
  private let late = Atomic<Int>(0)
  private let total = Atomic<Int>(0)

  func note(_ number: UInt64) {
    if last.exchange(number, ordering: .relaxed) >= number { late.wrappingAdd(1, ordering: .relaxed) }
    total.wrappingAdd(1, ordering: .relaxed)
  }

  var disorder: Int { late.load(ordering: .relaxed) }
  var count: Int { total.load(ordering: .relaxed) }
}
