import CNetISR
import TestSupport
import Testing

/// The options of a header: those that make sense, and those that don't.
@Suite struct IPOptionsTests {
  static let good: [[UInt8]] = [
    [0], [1], [1, 1, 1, 1], [0, 7, 0, 0],  // behind the end of the list, anything goes
    [7, 3, 4],  // a route record without room
    [7, 7, 4, 0, 0, 0, 0], [7, 7, 8, 1, 2, 3, 4], [7, 39, 40] + [UInt8](repeating: 1, count: 36),
    [7, 7, 255, 1, 2, 3, 4],
    [7, 5, 6, 0, 0],  // full, as far as the pointer says
    [131, 7, 4, 1, 2, 3, 4], [137, 11, 8, 1, 2, 3, 4, 5, 6, 7, 8], [131, 7, 8, 1, 2, 3, 4],
    [68, 4, 5, 0], [68, 8, 5, 0, 0, 0, 0, 0], [68, 12, 5, 1, 0, 0, 0, 0, 0, 0, 0, 0],
    [68, 12, 13, 0xf3, 0, 0, 0, 0, 0, 0, 0, 0],  // full; fifteen found no room
    [68, 40, 37, 0] + [UInt8](repeating: 0, count: 36),
    [148, 4, 0, 0], [1, 148, 4, 0, 0], [136, 4, 0, 7], [130, 11, 0, 0, 0, 0, 0, 0, 0, 0, 0], [130, 3, 0xab],
    [99, 2], [99, 7, 1, 2, 3, 4, 5],  // of a kind that nobody here knows
    [7, 7, 4, 0, 0, 0, 0, 68, 8, 5, 0, 0, 0, 0, 0, 148, 4, 0, 0],
  ]

  static let bad: [[UInt8]] = [
    [7, 0, 4, 0], [7, 1, 4, 0], [7, 2, 4, 0],  // lengths below the option's fields
    [1, 1, 1, 7], [99, 0, 0, 0], [99, 1, 0, 0], [1, 1, 1, 99],
    [99, 5, 0, 0], [7, 11, 4, 0], [148, 40, 0, 0],  // beyond the header
    [7, 7, 0, 0, 0, 0, 0], [7, 7, 3, 0, 0, 0, 0],  // a pointer into the fields
    [7, 7, 5, 0, 0, 0, 0], [7, 7, 7, 0, 0, 0, 0],  // into an address
    [131, 7, 3, 1, 2, 3, 4], [137, 2, 4, 0],
    [131, 7, 4, 1, 2, 3, 4, 137, 7, 4, 1, 2, 3, 4], [7, 3, 4, 7, 3, 4],  // twice
    [68, 3, 5, 0], [68, 4, 4, 0], [68, 8, 0, 0, 0, 0, 0, 0], [68, 8, 6, 0, 0, 0, 0, 0], [68, 8, 5, 1, 0, 0, 0, 0],
    [68, 8, 5, 2, 0, 0, 0, 0], [68, 4, 5, 0, 68, 4, 5, 0],
    [148, 3, 0, 0], [148, 5, 0, 0, 0], [136, 3, 0], [130, 2],
  ]

  @Test(arguments: good)
  func sound(_ options: [UInt8]) throws {
    try check(options, ["total": 1, "options": 1, "noproto": 1, "udp": 1])
  }

  @Test(arguments: bad)
  func unsound(_ options: [UInt8]) throws {
    try check(options, ["total": 1, "options": 1, "badoptions": 1])
  }

  private func check(_ options: [UInt8], _ expected: [String: UInt64]) throws {
    let harness = try Harness.ip()
    let packet = IPPacket(options: options, payload: pattern(8)).bytes
    harness.input(NETISR_IP, packet)
    #expect(harness.counters("ip") == expected)
    for cut in 18..<packet.count { harness.input(NETISR_IP, packet, split: [cut, 1, 1]) }
    let times = UInt64(packet.count - 18 + 1)
    #expect(harness.counters("ip") == expected.mapValues { $0 * times })
    #expect(harness.mbufsInFlight == 0)
  }
}
