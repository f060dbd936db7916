import CNetISR
import Foundation
import NetISR
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
    let engine = Engine(Engine.Configuration(cpuCount: 3, dispatch: one.dispatch))
    var plan = OrderedTraffic.Plan(policy: one.policy, senders: 4, cpus: 3)
    plan.streams = 1
    plan.packets = CPlugin.sanitizer == nil ? 20_000 : 4_000
    let traffic = OrderedTraffic(plan, on: engine)
    try engine.register(11, named: "test", policy: one.policy, queueLimit: 64, traffic.handler)
    engine.startWorkers()
    traffic.start(on: engine)
    // Meanwhile, the queue limit and the protocol's record change.
    for round in 0..<50 {
      try engine.setQueueLimit(of: 11, to: 64 + round)
      try engine.setDispatchPolicy(of: 11, to: one.dispatch)
    }
    traffic.finish()
    engine.stopWorkers()
    traffic.expectAllInOrder(on: engine)
  }

  /// The original misorders for a short while when the policy changes.
  @Test(arguments: [Policy.source, .flow, .cpu])
  func orderHoldsOverChangesOfTheDispatchPolicy(policy: Policy) throws {
    let engine = Engine(Engine.Configuration(cpuCount: 3, dispatch: .deferred))
    var plan = OrderedTraffic.Plan(policy: policy, senders: 3, cpus: 3)
    plan.streams = 1
    plan.packets = CPlugin.sanitizer == nil ? 60_000 : 6_000
    let traffic = OrderedTraffic(plan, on: engine)
    try engine.register(11, named: "test", policy: policy, traffic.handler)
    engine.startWorkers()
    traffic.start(on: engine)
    var random = SystemRandomNumberGenerator()
    var changes = 0
    while traffic.isRunning {
      let next = [Dispatch.direct, .hybrid, .deferred].randomElement(using: &random)!
      if Bool.random(using: &random) {
        engine.dispatchPolicy = next
      } else {
        try engine.setDispatchPolicy(of: 11, to: Bool.random(using: &random) ? next : .default)
      }
      changes += 1
      usleep(200)
    }
    traffic.finish()
    engine.stopWorkers()
    traffic.expectAllInOrder(on: engine)
    print("\(policy): \(traffic.verdict.sent) packets in order over \(changes) changes of the dispatch policy")
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
