import CNetISR
import Testing
import TestSupport

/// The harness itself: what the protocols' tests rely on.
@Suite struct HarnessTests {
  static let frame: [UInt8] =
    [0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 2, 0, 0, 0, 0, 1, 0x08, 0x06] + [UInt8](repeating: 7, count: 28)

  @Test(arguments: [[], [1], [13, 1], [14], [3, 20, 2]])
  func aLoadedPluginHandsOnToARecorder(split: [Int]) throws {
    let harness = try Harness(plugins: ["ether"])
    #expect(harness.input(NETISR_ETHER, Self.frame, split: split) == 0)
    #expect(harness.counter("ether.total") == 1)
    #expect(harness.counter("ether.arp") == 1)
    let delivered = harness.delivered(to: NETISR_ARP)
    #expect(delivered.map(\.bytes) == [Array(Self.frame[14...])])
    #expect(delivered.first?.flags ?? 0 & M_BCAST != 0)
    #expect(harness.mbufsInFlight == 0)
    try harness.reload("ether")
    harness.input(NETISR_ETHER, Self.frame)
    #expect(harness.counter("ether.total") == 2)
    #expect(harness.engine.conservation().isBalanced)
  }
}
