import CNetISR
import TestSupport
import Testing

/// ICMP messages, counted by type once they are found right.
@Suite struct ICMPTests {
  static let types: [(UInt8, String)] = [
    (0, "echoreply"), (3, "unreach"), (4, "sourcequench"), (5, "redirect"), (8, "echo"), (9, "routeradvert"),
    (10, "routersolicit"), (11, "timxceed"), (12, "paramprob"), (13, "tstamp"), (14, "tstampreply"), (17, "maskreq"),
    (18, "maskreply"), (1, "other"), (2, "other"), (15, "other"), (42, "other"), (255, "other"),
  ]

  static func packet(_ message: [UInt8]) -> IPPacket { IPPacket(proto: 1, payload: message) }

  @Test(arguments: types)
  func countsByType(type: UInt8, name: String) throws {
    let harness = try Harness.ip()
    for rest in [4, 5, 600] {
      let packet = Self.packet(icmpMessage(type: type, rest: pattern(rest))).bytes
      harness.input(NETISR_IP, packet)
      for cut in [19, 20, 21, 22, 23, 24, 27, 28] { harness.input(NETISR_IP, packet, split: [cut]) }
    }
    #expect(harness.counters("icmp") == [name: 27])
    #expect(harness.counters("ip") == ["total": 27, "delivered": 27, "icmp": 27])
    #expect(harness.mbufsInFlight == 0)
  }

  @Test func countsTheFirstFailure() throws {
    let harness = try Harness.ip()
    let message = icmpMessage(type: 8, rest: pattern(33))
    for length in 0..<8 { harness.input(NETISR_IP, Self.packet(Array(message.prefix(length))).bytes) }
    #expect(harness.counters("icmp") == ["tooshort": 8])
    for bit in 0..<message.count * 8 {
      var wrong = message
      wrong[bit / 8] ^= 1 << (bit % 8)
      harness.input(NETISR_IP, Self.packet(wrong).bytes, split: [20 + bit / 8])
    }
    #expect(harness.counters("icmp") == ["tooshort": 8, "badsum": UInt64(message.count * 8)])
    #expect(harness.counter("ip.delivered") == harness.counter("ip.total"))
    #expect(harness.mbufsInFlight == 0)
  }

  /// Padding is no part of the message.
  @Test func paddingIsNotSummedUp() throws {
    let harness = try Harness.ip()
    var packet = Self.packet(icmpMessage(type: 0))
    packet.padding = [1, 2, 3, 4, 5]
    harness.input(NETISR_IP, packet.bytes)
    #expect(harness.counters("icmp") == ["echoreply": 1])
  }

  /// What was not captured can't be summed up; the type is enough.
  @Test func aCutMessageCountsByItsType() throws {
    let harness = try Harness.ip()
    let packet = Self.packet(icmpMessage(type: 11, rest: pattern(100))).bytes
    for captured in 20...packet.count {
      harness.input(NETISR_IP, Array(packet.prefix(captured)), wireLength: packet.count)
    }
    #expect(harness.counters("icmp") == ["tooshort": 1, "timxceed": UInt64(packet.count - 20)])
  }

  @Test func aFragmentedMessageCountsOnce() throws {
    let harness = try Harness.ip()
    let echo = Self.packet(icmpMessage(type: 8, rest: pattern(2001)))
    for fragment in echo.fragments(of: 1480) { harness.input(NETISR_IP, fragment) }
    #expect(harness.counters("icmp") == ["echo": 1])
    var wrong = echo
    wrong.payload[1999] ^= 1
    for fragment in wrong.fragments(of: 8) { harness.input(NETISR_IP, fragment) }
    #expect(harness.counters("icmp") == ["echo": 1, "badsum": 1])
    #expect(harness.counter("ip.reassembled") == 2)
    #expect(harness.mbufsInFlight == 0)
  }
}
