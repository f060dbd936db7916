import NetISR
import Testing
import TestSupport

extension OrderedTraffic {
  /// Expects that all packets were handled, once and in order, and that the engine's balance says so too.
  func expectAllInOrder(on engine: Engine) {
    let verdict = verdict
    let sent = UInt64(plan.senders * plan.packets!)
    #expect(verdict.late == 0 && verdict.overlaps == 0 && verdict.unexplained == 0, "\(verdict)")
    #expect(verdict.sent == sent && verdict.handled == sent && verdict.dropped == 0, "\(verdict)")
    let balance = engine.conservation()
    #expect(balance.isBalanced && balance.received == sent && balance.handled == sent, "\(balance)")
    #expect(balance.dropped.isEmpty && engine.isDrained, "\(balance)")
    #expect(engine.mbufStatistics.mbufs.inFlight == 0)
  }
}
