import CNetISR
import Foundation
import NetISR
import Testing
import TestSupport

/// Another number of workers, in other places, other limits, and other policies, while packets flow.
@Suite struct ReconfigurationTests {
  @Test(arguments: [Policy.source, .flow, .cpu], [Dispatch.direct, .hybrid, .deferred])
  func orderHoldsOverChangesOfTheWorkers(policy: Policy, dispatch: Dispatch) throws {
    let engine = Engine(Engine.Configuration(cpuCount: 4, dispatch: dispatch))
    var plan = OrderedTraffic.Plan(policy: policy, senders: 3, cpus: 4)
    plan.streams = 4
    // Together below the smallest limit: nothing may be lost.
    plan.window = 10
    plan.packets = CPlugin.sanitizer == nil ? 60_000 : 6_000
    let traffic = OrderedTraffic(plan, on: engine)
    try engine.register(11, named: "test", policy: policy, queueLimit: 64, traffic.handler)
    engine.startWorkers()
    traffic.start(on: engine)
    var random = SystemRandomNumberGenerator()
    var changes = 0
    while traffic.isRunning {
      switch Int.random(in: 0..<6, using: &random) {
      case 0, 1: try engine.setWorkerCount(Int.random(in: 0...4, using: &random))
      case 2: try engine.setQueueLimit(of: 11, to: Int.random(in: 32...600, using: &random))
      case 3: try engine.setBinding(Bool.random(using: &random))
      case 4: engine.setPolling(Bool.random(using: &random))
      default: try engine.setDispatchPolicy(of: 11, to: [.direct, .hybrid, .deferred].randomElement(using: &random)!)
      }
      changes += 1
      usleep(300)
    }
    traffic.finish()
    engine.stopWorkers()
    traffic.expectAllInOrder(on: engine)
    // What each queue counted went over to the queues that came after it.
    let work = engine.workstreamStatistics().flatMap(\.work)
    #expect(changes > 0 && work.reduce(0) { $0 + $1.handled } <= traffic.verdict.sent)
    print("\(policy) \(dispatch): \(traffic.verdict.sent) packets in order over \(changes) changes")
  }

  @Test func figuresGoOnOverAChangeOfTheWorkers() throws {
    let engine = Engine(Engine.Configuration(cpuCount: 4, dispatch: .deferred))
    nonisolated(unsafe) var handled = 0
    try engine.register(
      11, named: "test", queueLimit: 8,
      TestHandler { m in
        handled += 1
        m_freem(m)
      })
    func queue(_ sources: Range<UInt>) {
      engine.withAttachedThread {
        for source in sources { _ = netisr_queue_src(11, source, m_gethdr(M_NOWAIT, MT_DATA)) }
      }
    }
    queue(0..<40)
    #expect(try engine.queueDrops(of: 11) == 8)
    try engine.setWorkerCount(2)
    #expect(handled == 32, "what was queued is handled before the change")
    #expect(engine.workerCount == 2 && engine.workstreamStatistics().count == 2)
    queue(0..<4)
    #expect(engine.runWorker(0) && engine.runWorker(1) && !engine.runWorker(2))
    #expect(handled == 36)
    let work = engine.workstreamStatistics().map { $0.work[0] }
    #expect(work.map(\.queued) == [18, 18] && work.map(\.handled) == [18, 18] && work.map(\.watermark) == [8, 8])
    #expect(try engine.queueDrops(of: 11) == 8)
    try engine.setWorkerCount(-1)
    #expect(engine.workerCount == 4 && engine.conservation().isBalanced)
    #expect(throws: EngineError.self) { try engine.setWorkerCount(5) }
    #expect(throws: EngineError.self) { try engine.setWorkerCount(-2) }
  }

  /// What was taken over counts against the new limit, also for a sender that is alone; and while all of that is in hand, the
  /// ring has room for as much again.
  @Test func whatWasTakenOverIsWithinTheLimit() throws {
    let engine = Engine(Engine.Configuration(cpuCount: 1, dispatch: .deferred))
    nonisolated(unsafe) var order: [UInt64] = []
    nonisolated(unsafe) var next: UInt64 = 0
    nonisolated(unsafe) var taken = 0
    func queue(_ count: Int) {
      for _ in 0..<count {
        let m = m_gethdr(M_NOWAIT, MT_DATA)!
        m.pointee.m_pkthdr.ph_loc.0 = next
        next += 1
        if netisr_queue(11, m) == 0 { taken += 1 }
      }
    }
    try engine.register(
      11, named: "test", queueLimit: 64,
      TestHandler { m in
        if order.isEmpty { queue(200) }
        order.append(m.pointee.m_pkthdr.ph_loc.0)
        m_freem(m)
      })
    engine.withAttachedThread { queue(64) }
    try engine.setQueueLimit(of: 11, to: 128)
    engine.withAttachedThread { queue(100) }
    #expect(taken == 128, "64 of before, and 64 more")
    engine.runWorker(0)
    #expect(taken == 256 && order.count == 256)
    #expect(order == Array(0..<128) + Array(164..<292))
    #expect(engine.conservation().isBalanced && engine.mbufStatistics.mbufs.inFlight == 0)
  }

  /// A ring too small for a new limit is replaced, with its packets and its figures.
  @Test func aLargerLimitKeepsWhatIsQueued() throws {
    let engine = Engine(Engine.Configuration(cpuCount: 1, dispatch: .deferred))
    nonisolated(unsafe) var order: [UInt64] = []
    try engine.register(
      11, named: "test", queueLimit: 4,
      TestHandler { m in
        order.append(m.pointee.m_pkthdr.ph_loc.0)
        m_freem(m)
      })
    var next: UInt64 = 0
    func queue(_ count: Int) -> Int {
      engine.withAttachedThread {
        (0..<count).reduce(0) { taken, _ in
          let m = m_gethdr(M_NOWAIT, MT_DATA)!
          m.pointee.m_pkthdr.ph_loc.0 = next
          guard netisr_queue(11, m) == 0 else { return taken }
          next += 1
          return taken + 1
        }
      }
    }
    #expect(queue(6) == 4)
    try engine.setQueueLimit(of: 11, to: 1000)
    #expect(queue(1200) == 996)
    let work = engine.workstreamStatistics()[0].work[0]
    #expect(work.len == 1000 && work.watermark == 1000 && work.queued == 1000 && work.qdrops == 206)
    try engine.setQueueLimit(of: 11, to: 10)
    #expect(queue(1) == 0, "packets beyond a smaller limit stay, and no more come")
    engine.runWorker(0)
    #expect(order == Array(0..<1000))
    #expect(queue(11) == 10)
    engine.runWorker(0)
    #expect(order == Array(0..<1010) && engine.conservation().isBalanced)
  }
}
