import CNetISR
import NetISR
import TestSupport
import Testing

/// What senders are told, and what not (RFC 792; RFC 1122, section 3.2.2; RFC 1812, section 4.3).
@Suite struct ICMPErrorTests {
  private typealias Host = IPHost

  /// Of a protocol that nobody has.
  private static func unknown(_ count: Int = 100) -> IPPacket {
    IPPacket(proto: 253, source: Host.alice, destination: Host.leftAddress, payload: pattern(count))
  }

  @Test(arguments: [0, 1, 8, 100, 528, 529, 1480])
  func quotesAsMuchAsFits(count: Int) throws {
    let host = try Host()
    let packet = Self.unknown(count)
    for split in [[], [20], [1, 19, 4]] {
      host.input(packet, split: split)
      let sent = try host.takeOne()
      let datagram = SentDatagram(sent)
      #expect(datagram.isSound && datagram.source == Host.leftAddress && datagram.destination == Host.alice)
      #expect(sent.nextHop == Host.alice && datagram.ttl == 64 && datagram.bytes[1] == 0xc0)
      let message = try #require(datagram.icmp)
      #expect(message.type == 3 && message.code == 2 && message.word == 0)
      #expect(message.quote == Array(packet.bytes.prefix(548)))
    }
    #expect(host.counter("icmp.outunreach") == 3 && host.counter("icmp.error") == 3)
    #expect(host.harness.isIPBalanced && host.harness.mbufsInFlight == 0)
  }

  @Test func quotesNoPadding() throws {
    let host = try Host()
    var packet = Self.unknown(3)
    packet.options = [148, 4, 0, 0]
    let right = packet.bytes
    packet.padding = pattern(23)
    host.input(packet)
    #expect(SentDatagram(try host.takeOne()).icmp?.quote == right)
  }

  @Test func saysNothingAboutErrors() throws {
    let host = try Host(forwarding: true)
    // Neither known errors nor types that nobody knows.
    for type in 0...255 as ClosedRange<UInt8> {
      var packet = IPPacket(ttl: 1, proto: 1, source: Host.alice, destination: Host.bob)
      packet.payload = icmpMessage(type: type)
      host.input(packet)
      let isTold = [0, 8, 9, 10, 13, 14, 15, 16, 17, 18].contains(type)
      #expect(host.take().count == (isTold ? 1 : 0), "\(type)")
    }
    #expect(host.counter("icmp.oldicmp") == 246)
    var short = IPPacket(ttl: 1, proto: 1, source: Host.alice, destination: Host.bob)
    short.payload = []
    host.input(short)
    #expect(host.take().isEmpty && host.counter("icmp.oldshort") == 1)
  }

  @Test func saysNothingToOrAboutMany() throws {
    let host = try Host()
    host.input(Self.unknown(), flags: M_BCAST)
    host.input(Self.unknown(), flags: M_MCAST)
    for destination in [[255, 255, 255, 255], [10, 1, 0, 255], [224, 0, 0, 5], [0, 0, 0, 0]] as [[UInt8]] {
      var packet = Self.unknown()
      packet.destination = destination
      host.input(packet)
      // Wrong options are found first.
      packet.options = [7, 3, 3]
      host.input(packet)
    }
    for source in [[0, 0, 0, 0], [0, 1, 2, 3], [10, 1, 0, 255], [240, 0, 0, 1], [224, 0, 0, 1], [127, 0, 0, 1]]
      as [[UInt8]]
    {
      var packet = Self.unknown()
      packet.source = source
      host.input(packet)
      packet.options = [7, 3, 3]
      host.input(packet)
    }
    var wrong = Self.unknown()
    wrong.options = [7, 3, 3]
    host.input(wrong, flags: M_PROMISC)
    #expect(host.take().isEmpty)
    #expect(host.counter("icmp.outunreach") + host.counter("icmp.outparamprob") == 0)
    #expect(host.harness.isIPBalanced && host.harness.mbufsInFlight == 0)
  }

  @Test func saysNothingWhereItOnlyListens() throws {
    let host = try Host()
    host.left.pointee.if_flags |= UInt32(IFNET_MONITOR)
    host.input(Self.unknown())
    var wrong = Self.unknown()
    wrong.options = [7, 3, 3]
    host.input(wrong)
    #expect(host.take().isEmpty && host.harness.counters("icmp").isEmpty)
    #expect(host.counter("ip.noproto") == 1 && host.counter("ip.badoptions") == 1)
  }

  @Test func fragmentsButTheFirstAreNotSpokenOf() throws {
    let host = try Host()
    var packet = IPPacket(ttl: 1, proto: 253, source: Host.alice, destination: Host.bob, payload: pattern(3000))
    packet.identification = 9
    let fragments = packet.fragments(of: 1480)
    for fragment in fragments { host.input(fragment) }
    let message = try #require(SentDatagram(try host.takeOne()).icmp)
    #expect(message.type == 11 && message.code == 0 && message.quote == Array(fragments[0].prefix(548)))
  }

  @Test(
    arguments: [
      ([7, 3, 3], 22), ([7, 2, 4, 0], 21), ([1, 1, 7, 9, 4, 0, 0, 0], 23), ([99, 1, 0, 0], 21), ([68, 4, 4, 0], 22),
      ([68, 8, 5, 2, 0, 0, 0, 0], 23), ([7, 3, 4, 7, 3, 4], 23), ([148, 3, 0, 0], 21), ([1, 1, 1, 7], 23),
    ] as [([UInt8], UInt32)])
  func parameterProblemsPointToThePlace(options: [UInt8], place: UInt32) throws {
    let host = try Host()
    var packet = Self.unknown()
    packet.options = options
    host.input(packet)
    let message = try #require(SentDatagram(try host.takeOne()).icmp)
    #expect(message.type == 12 && message.code == 0 && message.word == place << 24)
    #expect(message.quote == packet.bytes)
    #expect(host.counter("ip.badoptions") == 1)
  }

  @Test func sourceRoutesAreRefused() throws {
    let host = try Host()
    for (index, destination) in [Host.leftAddress, Host.bob].enumerated() {
      var packet = Self.unknown()
      packet.destination = destination
      packet.options = [131, 7, 4] + Host.bob
      host.input(packet)
      let message = try #require(SentDatagram(try host.takeOne()).icmp)
      #expect(message.type == 3 && message.code == 5)
      #expect(host.counter("ip.cantforward") == UInt64(index + 1))
    }
    // At its end, it is no more than a record.
    var packet = Self.unknown()
    packet.options = [131, 7, 8] + Host.bob
    host.input(packet)
    #expect(SentDatagram(try host.takeOne()).icmp?.code == 2)
  }

  /// Forwarded, and then nobody answers for the next hop: arp gives it back.
  @Test func aNextHopThatIsNotThere() throws {
    let host = try Host()
    var packet = IPPacket(proto: 253, source: Host.alice, destination: Host.bob, payload: pattern(100))
    packet.ttl = 63
    host.harness.input(NETISR_IP, packet.bytes, interface: host.right, flags: M_NEXTHOP)
    let sent = try host.takeOne()
    let message = try #require(SentDatagram(sent).icmp)
    #expect(message.type == 3 && message.code == 1 && message.quote == packet.bytes)
    // From where it goes out.
    #expect(sent.interfaceIndex == host.left.pointee.if_index && SentDatagram(sent).source == Host.leftAddress)
    // Its own packets are nobody else's concern.
    packet.source = Host.leftAddress
    host.harness.input(NETISR_IP, packet.bytes, interface: host.right, flags: M_NEXTHOP)
    host.harness.input(NETISR_IP, Array(packet.bytes.prefix(7)), interface: host.right, flags: M_NEXTHOP)
    #expect(host.take().isEmpty && host.counter("ip.hostunreach") == 3 && host.counter("ip.total") == 0)
    #expect(host.harness.mbufsInFlight == 0)
  }

  // MARK: Reassembly

  @Test func senderOfAnUnfinishedDatagramIsTold() throws {
    let host = try Host()
    var packet = IPPacket(proto: 253, source: Host.alice, destination: Host.leftAddress, payload: pattern(3000))
    packet.options = [148, 4, 0, 0]
    let fragments = packet.fragments(of: 1200)
    host.input(fragments[0])
    host.input(fragments[2])
    host.harness.pass(29 * Host.second, step: Host.second)
    #expect(host.take().isEmpty)
    host.harness.pass(3 * Host.second, step: Host.second)
    let sent = SentDatagram(try host.takeOne())
    let message = try #require(sent.icmp)
    #expect(message.type == 11 && message.code == 1 && sent.destination == Host.alice)
    #expect(message.quote == Array(fragments[0].prefix(548)))
    #expect(host.counter("ip.fragtimeout") == 2 && host.counter("icmp.outtimxceed") == 1)
    // Without the first fragment, nobody is told; nor when it came to many.
    packet.identification = 77
    let others = packet.fragments(of: 1200)
    host.input(others[1])
    packet.identification = 78
    packet.destination = [10, 1, 0, 255]
    host.input(packet.fragments(of: 1200)[0])
    host.harness.pass(40 * Host.second, step: Host.second)
    #expect(host.take().isEmpty && host.counter("ip.fragtimeout") == 4)
    #expect(host.harness.mbufsInFlight == 0)
  }

  @Test func aLateFragmentEndsTheWaitToo() throws {
    let host = try Host()
    let packet = IPPacket(proto: 253, source: Host.alice, destination: Host.leftAddress, payload: pattern(30))
    let fragments = packet.fragments(of: 8)
    host.input(fragments[0])
    // The clock goes on, and no timer has run yet.
    let later = host.now + 31 * Host.second
    host.harness.input(NETISR_IP, fragments[1], time: later, interface: host.left)
    let message = try #require(SentDatagram(try host.takeOne()).icmp)
    #expect(message.type == 11 && message.code == 1 && message.quote == fragments[0])
  }

  // MARK: Rate

  @Test func thereIsALimitToIt() throws {
    let host = try Host()
    host.set("net.inet.icmp.icmplim_peer", 0)
    for _ in 0..<1000 { host.input(Self.unknown()) }
    #expect(host.take().count == 200 && host.counter("icmp.limited") == 800)
    host.harness.pass(Host.second / 10)
    for _ in 0..<1000 { host.input(Self.unknown()) }
    #expect(host.take().count == 20)
    host.harness.pass(60 * Host.second)
    for _ in 0..<1000 { host.input(Self.unknown()) }
    #expect(host.take().count == 200)
    host.set("net.inet.icmp.icmplim", 1)
    host.harness.pass(2 * Host.second)
    for _ in 0..<10 { host.input(Self.unknown()) }
    #expect(host.take().count == 1)
    host.set("net.inet.icmp.icmplim", 0)
    for _ in 0..<1000 { host.input(Self.unknown()) }
    #expect(host.take().count == 1000)
    // Answers are not errors.
    host.set("net.inet.icmp.icmplim", 1)
    let echo = IPPacket(proto: 1, source: Host.alice, destination: Host.leftAddress, payload: icmpMessage(type: 8))
    for _ in 0..<500 { host.input(echo) }
    #expect(host.take().count == 500)
  }

  private static func unknown(from station: UInt8) -> IPPacket {
    var packet = unknown()
    packet.source = [10, 1, 0, station]
    return packet
  }

  /// Whoever gets many takes none from the others.
  @Test func eachSenderHasALimit() throws {
    let host = try Host()
    for _ in 0..<1000 { host.input(Self.unknown()) }
    #expect(host.take().count == 20 && host.counter("icmp.limited") == 980)
    for station in 20..<25 as Range<UInt8> {
      for _ in 0..<30 { host.input(Self.unknown(from: station)) }
      #expect(host.take().map { SentDatagram($0).destination } == Array(repeating: [10, 1, 0, station], count: 20))
    }
    #expect(host.harness.tableCount("ip.icmp_peers") == 6)
    // All together they have what is left of 200.
    for station in 30..<60 as Range<UInt8> {
      for _ in 0..<10 { host.input(Self.unknown(from: station)) }
    }
    #expect(host.take().count == 80)
    // A twentieth of a second later there is one more for each.
    host.harness.pass(2 * Host.second)
    for _ in 0..<20 { host.input(Self.unknown()) }
    #expect(host.take().count == 20)
    host.harness.pass(Host.second / 20)
    for _ in 0..<5 { host.input(Self.unknown()) }
    #expect(host.take().count == 1)
  }

  /// Without the path's MTU nothing would arrive: of these, a station is told as often as all are.
  @Test func thePathsMTUIsToldToAll() throws {
    let host = try Host(rightMTU: 1000)
    var packet = IPPacket(source: Host.alice, destination: Host.bob, payload: pattern(1200))
    packet.dontFragment = true
    for _ in 0..<150 { host.input(packet) }
    #expect(host.take().count == 150)
  }

  /// More senders than are remembered: there is an end to the table, and to what all are told.
  @Test func manySenders() throws {
    let host = try Host()
    host.set("net.inet.icmp.icmplim", 0)
    host.route(RouteMessages().route(nil, prefix: 0, via: Host.bob, interface: 102))
    for number in 0..<3000 {
      var packet = Self.unknown()
      packet.source = [11, 1, UInt8(number >> 8), UInt8(number & 0xff)]
      host.input(packet)
    }
    #expect(host.take().count == 3000 && host.harness.tableCount("ip.icmp_peers") == 1024)
  }
}
