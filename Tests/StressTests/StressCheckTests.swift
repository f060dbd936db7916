import NetISR
import Testing
import TestSupport

/// The stress test's own check, driven by hand: it says so when a packet overtakes another.
@Suite struct StressCheckTests {
  /// As the original does it, a packet that is handled directly overtakes those that are queued from before.
  @Test(arguments: [false, true])
  func aPacketThatOvertakesIsSeen(ordersPolicyChanges: Bool) throws {
    var configuration = Engine.Configuration(cpuCount: 2, dispatch: .deferred)
    configuration.ordersPolicyChanges = ordersPolicyChanges
    let engine = Engine(configuration)
    let traffic = OrderedTraffic(OrderedTraffic.Plan(policy: .flow, senders: 1, cpus: 2), on: engine)
    try engine.register(11, named: "test", policy: .flow, traffic.handler)
    func send() { engine.withAttachedThread { #expect(traffic.sendOne()) } }
    send()
    engine.dispatchPolicy = .direct
    send()
    for wsid in 0..<2 { engine.runWorker(wsid) }
    let verdict = traffic.verdict
    #expect(verdict.sent == 2 && verdict.handled == 2)
    #expect(verdict.late == (ordersPolicyChanges ? 0 : 1) && verdict.unexplained == Int(verdict.late))
  }

  /// A packet that vanishes without being counted is seen, too; one that is counted is not.
  @Test(arguments: [false, true])
  func aPacketThatIsLostIsSeen(isCounted: Bool) throws {
    let engine = Engine(Engine.Configuration(cpuCount: 1, dispatch: .deferred))
    let traffic = OrderedTraffic(OrderedTraffic.Plan(policy: .source, senders: 1, cpus: 1), on: engine)
    if !isCounted { engine.onDrop = nil }
    try engine.register(11, named: "test", traffic.handler)
    engine.withAttachedThread { #expect(traffic.sendOne()) }
    try engine.unregister(11, .purge)
    try engine.register(11, named: "test", traffic.handler)
    engine.withAttachedThread { #expect(traffic.sendOne()) }
    engine.runWorker(0)
    #expect(traffic.verdict.handled == 1 && traffic.verdict.late == 0)
    #expect(traffic.verdict.unexplained == (isCounted ? 0 : 1))
  }
}
