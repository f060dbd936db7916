import CNetISR
import Foundation
import NetISR
import Testing
import TestSupport

/// What goes wrong in the original engine, once protocols come and go while packets flow.
@Suite struct HazardTests {
  private func send(_ count: Int, to proto: UInt32, vnet: UnsafeMutablePointer<ifnet>? = nil) {
    for _ in 0..<count {
      let m = m_gethdr(M_NOWAIT, MT_DATA)!
      m.pointee.m_pkthdr.rcvif = vnet
      netisr_queue(proto, m)
    }
  }

  /// There, an emptied queue leaves its bit in the pending mask, and the worker spins for ever with its lock held.
  @Test(arguments: [Withdrawal.purge, .drain])
  func aWithdrawnProtocolDoesNotMakeTheWorkerSpin(_ withdrawal: Withdrawal) throws {
    let engine = Engine(Engine.Configuration(cpuCount: 1, dispatch: .deferred))
    nonisolated(unsafe) var handled = 0
    for proto: Int32 in [11, 12] {
      try engine.register(
        proto, named: "test\(proto)",
        TestHandler { m in
          handled += 1
          m_freem(m)
        })
    }
    engine.withAttachedThread { send(10, to: 11) }
    try engine.unregister(11, withdrawal)
    #expect(handled == (withdrawal == .drain ? 10 : 0))
    engine.withAttachedThread { send(3, to: 12) }
    // Comes back, and has served the other protocol.
    engine.runWorker(0)
    #expect(handled == (withdrawal == .drain ? 13 : 3))
    #expect(engine.isDrained && engine.conservation().isBalanced)
  }

  @Test func aPurgedVnetDoesNotMakeTheWorkerSpin() throws {
    let engine = Engine(Engine.Configuration(cpuCount: 1, dispatch: .deferred))
    let interfaces = (0..<2).map { engine.interfaces.make(name: "if\($0)", type: IFT_ETHER, vnet: UInt32($0))! }
    nonisolated(unsafe) var handled = 0
    try engine.register(
      11, named: "test",
      TestHandler { m in
        handled += 1
        m_freem(m)
      })
    engine.withAttachedThread { send(5, to: 11, vnet: interfaces[1]) }
    try engine.unregisterVnet(11, 1)
    engine.runWorker(0)
    #expect(handled == 0)
    engine.withAttachedThread {
      send(2, to: 11, vnet: interfaces[1])
      send(4, to: 11, vnet: interfaces[0])
    }
    engine.runWorker(0)
    #expect(handled == 4)
    let dropped = Dictionary(uniqueKeysWithValues: engine.conservation().dropped.map { ($0.reason, $0.count) })
    #expect(dropped == [.purged: 5, .vnet: 2])
    try engine.registerVnet(11, 1)
    engine.withAttachedThread { send(1, to: 11, vnet: interfaces[1]) }
    engine.runWorker(0)
    #expect(handled == 5)
  }

  /// There, the handler is looked up again for every packet of a batch: unregistering in its middle is a call through
  /// NULL. Here it waits until the batch in hand is handled to its end; what was not in hand yet is purged, and counted.
  @Test func aProtocolWithdrawnInMidBatchFinishesTheBatch() throws {
    let engine = Engine(Engine.Configuration(cpuCount: 1, dispatch: .deferred))
    let inside = DispatchSemaphore(value: 0)
    let goOn = DispatchSemaphore(value: 0)
    nonisolated(unsafe) var handled = 0
    try engine.register(
      11, named: "test",
      TestHandler { m in
        handled += 1
        if handled == 1 {
          inside.signal()
          goOn.wait()
        }
        m_freem(m)
      })
    engine.withAttachedThread { send(100, to: 11) }
    engine.startWorkers()
    inside.wait()
    let gone = DispatchSemaphore(value: 0)
    nonisolated(unsafe) var failure: EngineError?
    let control = NetISR.Thread(name: "control") {
      do throws(EngineError) { try engine.unregister(11, .purge) } catch { failure = error }
      gone.signal()
    }
    // It can't be gone while the handler runs.
    #expect(gone.wait(timeout: .now() + .milliseconds(50)) == .timedOut)
    goOn.signal()
    #expect(gone.wait(timeout: .now() + .seconds(30)) == .success)
    control.join()
    engine.stopWorkers()
    #expect(failure == nil && handled >= 32)
    let balance = engine.conservation()
    let purged = balance.dropped.first { $0.reason == .purged }?.count ?? 0
    #expect(balance.isBalanced && UInt64(handled) + purged == 100)
    #expect(engine.mbufStatistics.mbufs.inFlight == 0)
  }

  /// Handlers that hand on to each other directly for ever would grow one stack without bound.
  @Test func directDispatchInCirclesEndsInAQueue() throws {
    let engine = Engine(Engine.Configuration(cpuCount: 1, dispatch: .direct))
    nonisolated(unsafe) var handled = 0
    for (proto, next): (Int32, UInt32) in [(11, 12), (12, 11)] {
      try engine.register(
        proto, named: "test\(proto)",
        TestHandler { m in
          handled += 1
          if handled < 1000 { netisr_dispatch(next, m) } else { m_freem(m) }
        })
    }
    engine.withAttachedThread { _ = netisr_dispatch(11, m_gethdr(M_NOWAIT, MT_DATA)) }
    #expect(handled < 100)
    while engine.runWorker(0) {}
    #expect(handled == 1000)
    #expect(engine.conservation().isBalanced)
  }

  /// Turning to direct dispatch, a packet waits behind those that are queued; once none is left, the policy's callback is
  /// not asked any more.
  @Test func turningDirectQueuesUpBehindWhatIsQueued() throws {
    let engine = Engine(Engine.Configuration(cpuCount: 2, dispatch: .deferred))
    nonisolated(unsafe) var order: [UInt64] = []
    nonisolated(unsafe) var asked = 0
    try engine.register(
      11, named: "test", policy: .cpu,
      TestHandler(
        handler: { m in
          order.append(m.pointee.m_pkthdr.ph_loc.0)
          m_freem(m)
        },
        m2cpuid: { m in
          asked += 1
          return (m, 1)
        }))
    func dispatch(_ number: UInt64) {
      engine.withAttachedThread {
        let m = m_gethdr(M_NOWAIT, MT_DATA)!
        m.pointee.m_pkthdr.ph_loc.0 = number
        #expect(netisr_dispatch(11, m) == 0)
      }
    }
    dispatch(1)
    engine.dispatchPolicy = .direct
    dispatch(2)
    #expect(order.isEmpty && asked == 2, "it waits behind the first")
    engine.runWorker(1)
    #expect(order == [1, 2])
    dispatch(3)
    #expect(order == [1, 2, 3] && asked == 3, "nothing is queued: at once")
    dispatch(4)
    #expect(order == [1, 2, 3, 4] && asked == 3, "and nobody is asked any more")
    #expect(engine.conservation().isBalanced)
  }

  @Test func drainedIsNotCalledForDirectDispatch() throws {
    for dispatch in [Dispatch.direct, .hybrid] {
      let engine = Engine(Engine.Configuration(cpuCount: 1, dispatch: dispatch))
      nonisolated(unsafe) var drained = 0
      try engine.register(
        11, named: "test", TestHandler(handler: { m_freem($0) }, drained: { _ in drained += 1 }))
      engine.withAttachedThread {
        _ = netisr_dispatch(11, m_gethdr(M_NOWAIT, MT_DATA))
        #expect(drained == 0)
        _ = netisr_queue(11, m_gethdr(M_NOWAIT, MT_DATA))
      }
      engine.runWorker(0)
      #expect(drained == 1)
    }
  }
}
