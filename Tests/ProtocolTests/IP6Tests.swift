import CNetISR
import TestSupport
import Testing

/// The fixed header and the chain of extension headers.
@Suite struct IP6Tests {
  static let tcp = IP6.be16(80) + IP6.be16(1024) + [UInt8](repeating: 0, count: 16)
  static let udp = IP6.be16(53) + IP6.be16(1024) + IP6.be16(8) + IP6.be16(0)

  /// One packet, and what it must count besides `ip6.total`.
  struct Case: CustomTestStringConvertible {
    var name: String
    var packet: [UInt8]
    var counts: [String: UInt64]
    var wireLength: Int?

    var testDescription: String { name }

    init(_ name: String, _ packet: [UInt8], _ counts: [String], wireLength: Int? = nil) {
      self.name = name
      self.packet = packet
      self.counts = Dictionary(uniqueKeysWithValues: counts.map { ($0, 1) })
      self.wireLength = wireLength
    }
  }

  static let echo = ["ip6.delivered", "icmp6.echo"]

  static let good = [
    Case("echo", IP6.packet(58, IP6.echo()), echo),
    Case("TCP", IP6.packet(6, tcp), ["ip6.tcp", "ip6.noproto"]),
    Case("UDP", IP6.packet(17, udp), ["ip6.udp", "ip6.noproto"]),
    Case("UDP-Lite", IP6.packet(136, udp), ["ip6.udplite", "ip6.noproto"]),
    Case("SCTP", IP6.packet(132, tcp), ["ip6.sctp", "ip6.noproto"]),
    Case("IPv4 inside", IP6.packet(4, tcp), ["ip6.encap", "ip6.noproto"]),
    Case("nobody's protocol", IP6.packet(253, []), ["ip6.noproto"]),
    Case("no next header", IP6.packet(59, []), ["ip6.nonext"]),
    Case("link-level padding", IP6.packet(58, IP6.echo()) + [1, 2, 3, 4, 5, 6], echo),
    Case(
      "all kinds",
      IP6.packet(
        0,
        IP6.options(60, IP6.routerAlert) + IP6.options(43, [0x1e, 2, 9, 9])
          + IP6.routing(44, type: 4, segmentsLeft: 0) + IP6.fragment(51, 0, more: false, [])
          + [60, 4] + [UInt8](repeating: 1, count: 22) + IP6.options(58, []) + IP6.echo()),
      ["ip6.hopopts", "ip6.dstopts", "ip6.routing", "ip6.fragments", "ip6.atomicfrags", "ip6.ah"] + echo),
    Case(
      "mobility, HIP, Shim6",
      IP6.packet(
        135, [139, 0, 0, 0, 0, 0, 0, 0] + [140, 0, 0, 0, 0, 0, 0, 0] + [59, 0, 0, 0, 0, 0, 0, 0]),
      ["ip6.mobility", "ip6.hip", "ip6.shim6", "ip6.nonext"]),
    Case("ESP", IP6.packet(50, [UInt8](repeating: 0, count: 20)), ["ip6.esp", "ip6.noproto"]),
    Case(
      "unknown option that may be skipped", IP6.packet(60, IP6.options(58, [0x3f, 1, 0]) + IP6.echo()),
      ["ip6.dstopts"] + echo),
    Case(
      "home address", IP6.packet(60, IP6.options(58, [0, 0, 0xc9, 16] + IP6.linkA) + IP6.echo()),
      ["ip6.dstopts"] + echo),
    Case(
      "type 0 routing at its end", IP6.packet(43, IP6.routing(58, type: 0, segmentsLeft: 0) + IP6.echo()),
      ["ip6.routing"] + echo),
    Case("to a group", IP6.icmp6Packet(128, [0, 1, 0, 2], to: IP6.group), echo),
  ]

  static let bad = [
    Case("nothing", [], ["ip6.tooshort"]),
    Case("39 bytes", Array(IP6.packet(59, []).dropLast()), ["ip6.tooshort"]),
    Case("version 4", IP6.packet(58, IP6.echo(), version: 4), ["ip6.badvers"]),
    Case("payload cut", IP6.packet(58, IP6.echo(), length: 13), ["ip6.toosmall"]),
    Case("from a group", IP6.packet(58, IP6.echo(), from: IP6.group), ["ip6.badscope"]),
    Case("to ::", IP6.packet(58, IP6.echo(), to: IP6.unspecified), ["ip6.badscope"]),
    Case("to scope 0", IP6.packet(58, IP6.echo(), to: [0xff, 0] + [UInt8](repeating: 1, count: 14)), ["ip6.badscope"]),
    Case(
      "from IPv4-mapped",
      IP6.packet(58, IP6.echo(), from: [UInt8](repeating: 0, count: 10) + [0xff, 0xff, 1, 2, 3, 4]), ["ip6.badscope"]),
    Case("header named, not there", IP6.packet(43, []), ["ip6.routing", "ip6.exttooshort"]),
    Case(
      "header cut", IP6.packet(60, [58, 1] + [UInt8](repeating: 0, count: 13)), ["ip6.dstopts", "ip6.exttooshort"]),
    Case(
      "AH below its fixed part", IP6.packet(51, [59, 0] + [UInt8](repeating: 0, count: 22)),
      ["ip6.ah", "ip6.exttooshort"]),
    Case(
      "hop-by-hop second", IP6.packet(60, IP6.options(0, []) + IP6.options(58, []) + IP6.echo()),
      ["ip6.dstopts", "ip6.hopopts", "ip6.badorder"]),
    Case(
      "hop-by-hop twice", IP6.packet(0, IP6.options(0, []) + IP6.options(58, []) + IP6.echo()),
      ["ip6.hopopts", "ip6.badorder"]),
    Case(
      "option cut before its length", IP6.packet(60, [58, 0, 1, 3, 0, 0, 0, 5] + IP6.echo()),
      ["ip6.dstopts", "ip6.badoptions"]),
    Case(
      "option beyond its header", IP6.packet(60, [58, 0, 1, 5, 0, 0, 0, 0] + IP6.echo()),
      ["ip6.dstopts", "ip6.badoptions"]),
    Case(
      "unknown option, 01", IP6.packet(60, IP6.options(58, [0x7e, 0]) + IP6.echo()), ["ip6.dstopts", "ip6.badoptions"]),
    Case(
      "unknown option, 10", IP6.packet(0, IP6.options(58, [0x9e, 0]) + IP6.echo()), ["ip6.hopopts", "ip6.badoptions"]),
    Case(
      "unknown option, 11", IP6.packet(0, IP6.options(58, [0xde, 0]) + IP6.echo()), ["ip6.hopopts", "ip6.badoptions"]),
    Case(
      "router alert of 4 bytes", IP6.packet(0, IP6.options(58, [5, 4, 0, 0, 0, 0]) + IP6.echo()),
      ["ip6.hopopts", "ip6.badoptions"]),
    Case(
      "33 options",
      IP6.packet(
        60,
        IP6.options(58, [UInt8](repeating: 0x1e, count: 1) + [0] + [UInt8]((0..<32).flatMap { _ in [0x1e, 0] }))
          + IP6.echo()),
      ["ip6.dstopts", "ip6.toomanyhdr"]),
    Case(
      "17 headers", IP6.packet(60, (0..<17).flatMap { IP6.options($0 < 16 ? 60 : 58, []) } + IP6.echo()),
      ["ip6.dstopts", "ip6.toomanyhdr"]),
    Case(
      "a header of 2048 bytes", IP6.packet(60, [58, 255] + [UInt8](repeating: 0, count: 2046) + IP6.echo()),
      ["ip6.dstopts", "ip6.toomanyhdr"]),
    Case(
      "type 0 routing", IP6.packet(43, IP6.routing(58, type: 0, segmentsLeft: 1) + IP6.echo()),
      ["ip6.routing", "ip6.routing0"]),
    Case(
      "segment routing", IP6.packet(43, IP6.routing(58, type: 4, segmentsLeft: 1) + IP6.echo()),
      ["ip6.routing", "ip6.badrouting"]),
    Case(
      "jumbo with a payload length", IP6.packet(0, IP6.options(58, [0xc2, 4, 0, 1, 0, 0]) + IP6.echo()),
      ["ip6.hopopts", "ip6.badjumbo"]),
    Case(
      "jumbo of 65,535", IP6.packet(0, IP6.options(58, [0xc2, 4, 0, 0, 0xff, 0xff]) + IP6.echo(), length: 0),
      ["ip6.hopopts", "ip6.badjumbo"]),
    Case(
      "jumbo not aligned", IP6.packet(0, IP6.options(58, [0, 0xc2, 4, 0, 1, 0, 0]) + IP6.echo(), length: 0),
      ["ip6.hopopts", "ip6.badjumbo"]),
    Case(
      "jumbo longer than the packet", IP6.packet(0, IP6.options(58, [0xc2, 4, 0, 1, 0, 0]) + IP6.echo(), length: 0),
      ["ip6.hopopts", "ip6.toosmall"]),
    Case(
      "options without a payload", IP6.packet(0, IP6.options(58, []) + IP6.echo(), length: 0),
      ["ip6.hopopts", "ip6.exttooshort"]),
    Case(
      "fragment without a payload", IP6.packet(44, IP6.fragment(58, 0, more: true, [0]), length: 0),
      ["ip6.fragments", "ip6.exttooshort"]),
  ]

  /// Packets that a capture cut.
  static let snapped = [
    Case(
      "echo", Array(IP6.packet(58, IP6.echo()).prefix(45)),
      ["ip6.delivered", "icmp6.echo", "icmp6.snapped"], wireLength: 52),
    Case(
      "before the type", Array(IP6.packet(58, IP6.echo()).prefix(40)), ["ip6.delivered", "icmp6.snapped"],
      wireLength: 52),
    Case(
      "in a header", Array(IP6.packet(60, IP6.options(58, []) + IP6.echo()).prefix(46)),
      ["ip6.dstopts", "ip6.snapped"], wireLength: 60),
    Case(
      "in a Fragment header", Array(IP6.fragmentPacket(58, 0, more: true, IP6.echo()).prefix(46)),
      ["ip6.fragments", "ip6.snapped"], wireLength: 60),
    Case(
      "in a fragment", Array(IP6.fragmentPacket(6, 8, more: true, Self.tcp + [0, 0, 0, 0]).prefix(56)),
      ["ip6.fragments", "ip6.snapped"], wireLength: 72),
    Case("TCP", Array(IP6.packet(6, tcp).prefix(50)), ["ip6.tcp", "ip6.noproto"], wireLength: 60),
    Case("in the fixed header", Array(IP6.packet(6, tcp).prefix(20)), ["ip6.tooshort"], wireLength: 60),
  ]

  @Test func everyPacketCountsOnceAndIsGone() throws {
    for test in Self.good + Self.bad + Self.snapped {
      let harness = try Harness(plugins: ["ip6"])
      harness.input(NETISR_IPV6, test.packet, wireLength: test.wireLength)
      var expected = test.counts
      expected["ip6.total"] = 1
      #expect(harness.ip6Counters == expected, "\(test.name)")
      #expect(harness.mbufsInFlight == 0, "\(test.name)")
      #expect(harness.engine.conservation().isBalanced)
    }
  }

  /// However the chain is cut, the same comes of it.
  @Test func chainsCountAsPiecesDo() throws {
    for test in Self.good + Self.bad + Self.snapped where test.packet.count > 1 {
      let harness = try Harness(plugins: ["ip6"])
      var splits = (1..<min(test.packet.count, 140)).map { [$0] }
      splits += [[UInt8](repeating: 1, count: 130).map(Int.init), [40, 1, 1, 1, 1, 1, 1, 1, 1, 3], [7, 11, 13, 17]]
      for split in splits {
        harness.input(NETISR_IPV6, test.packet, split: split, wireLength: test.wireLength)
      }
      var expected = test.counts.mapValues { $0 * UInt64(splits.count) }
      expected["ip6.total"] = UInt64(splits.count)
      #expect(harness.ip6Counters == expected, "\(test.name)")
      #expect(harness.mbufsInFlight == 0, "\(test.name)")
    }
  }

  @Test func aJumbogramIsHandled() throws {
    let data = [UInt8](repeating: 0x55, count: 70_000)
    let echo = IP6.echo(data)
    // The checksum covers a length of 32 bits: that of the helper has only 16.
    var message = echo
    (message[2], message[3]) = (0, 0)
    let sum = IP6.checksum(IP6.globalA + IP6.globalB + IP6.be32(message.count) + [0, 0, 0, 58] + message)
    (message[2], message[3]) = (UInt8(sum >> 8), UInt8(sum & 0xff))
    let header = IP6.options(58, [0xc2, 4] + IP6.be32(message.count + 8))
    let counts = try ip6Counts(IP6.packet(0, header + message, length: 0) + [0, 0, 0])
    #expect(
      counts == ["ip6.total": 1, "ip6.hopopts": 1, "ip6.jumbo": 1, "ip6.delivered": 1, "icmp6.echo": 1])
  }

  @Test func onlyOwnAddressesAreLocalWhereMoreThanListeningIsDone() throws {
    let station = try IP6Station()
    station.input(IP6.packet(58, IP6.echo()))
    #expect(station.harness.ip6Counters == ["ip6.total": 1, "ip6.cantforward": 1])
    station.settle()
    station.input(IP6.icmp6Packet(128, [0, 1, 0, 2], to: IP6Station.global))
    // A group of which it is a member, and one of which it is none.
    station.input(IP6.icmp6Packet(128, [0, 1, 0, 2], to: IP6.allNodes))
    station.input(IP6.icmp6Packet(128, [0, 1, 0, 2], to: IP6.group))
    #expect(station.harness.counter("ip6.cantforward") == 1)
    #expect(station.harness.counter("ip6.notmember") == 1)
    #expect(station.harness.counter("icmp6.echo") == 3 && station.harness.counter("icmp6.reflect") == 2)
    // ::1 never leaves a node.
    let loopback = [UInt8](repeating: 0, count: 15) + [1]
    let packet = IP6.icmp6Packet(128, [0, 1, 0, 2], from: loopback, to: IP6Station.global)
    station.input(packet)
    #expect(station.harness.counter("ip6.badscope") == 1)
    station.interface.pointee.if_type = UInt32(IFT_LOOP)
    station.input(packet)
    #expect(station.harness.counter("icmp6.echo") == 4)
  }

  @Test func aReloadKeepsCounters() throws {
    let harness = try Harness(plugins: ["ip6"])
    harness.input(NETISR_IPV6, IP6.packet(58, IP6.echo()))
    try harness.reload("ip6")
    harness.input(NETISR_IPV6, IP6.packet(58, IP6.echo()))
    #expect(harness.counter("icmp6.echo") == 2)
  }
}
