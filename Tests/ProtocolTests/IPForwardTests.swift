import CNetISR
import NetISR
import TestSupport
import Testing

/// ip as a router.
@Suite struct IPForwardTests {
  private typealias Host = IPHost
  private let nl = RouteMessages()

  private static func packet(_ count: Int = 100, proto: UInt8 = 6) -> IPPacket {
    IPPacket(tos: 0xb9, proto: proto, source: Host.alice, destination: Host.bob, payload: pattern(count))
  }

  @Test(arguments: [[], [8], [19], [20], [1, 1, 1, 60]])
  func goesOnWithOneHopLess(split: [Int]) throws {
    let host = try Host()
    for ttl in [2, 3, 64, 128, 255] as [UInt8] {
      var packet = Self.packet()
      packet.ttl = ttl
      packet.dontFragment = ttl > 60
      host.input(packet, split: split)
      let sent = try host.takeOne()
      packet.ttl -= 1
      #expect(sent.bytes == packet.bytes, "nothing else has changed")
      #expect(sent.interfaceIndex == host.right.pointee.if_index && sent.nextHop == Host.bob)
    }
    #expect(host.harness.counters("ip") == ["total": 5, "forward": 5])
    #expect(host.harness.isIPBalanced && host.harness.mbufsInFlight == 0)
  }

  /// Every checksum that there can be stays right.
  @Test func checksumsStayRight() throws {
    let host = try Host()
    for identification in stride(from: UInt16(0), to: 65_500, by: 7) {
      var packet = Self.packet(0)
      packet.identification = identification
      host.input(packet)
    }
    let sent = host.take()
    #expect(sent.count == 9358 && sent.allSatisfy { SentDatagram($0).isSound && SentDatagram($0).ttl == 63 })
  }

  @Test func byARoute() throws {
    let host = try Host()
    host.route(nl.route([172, 16, 0, 0], prefix: 12, via: Host.bob, interface: 102))
    var packet = Self.packet()
    packet.destination = [172, 16, 200, 3]
    host.input(packet)
    #expect(try host.takeOne().nextHop == Host.bob)
  }

  @Test func onlyIfItIsToldTo() throws {
    let host = try Host(forwarding: false)
    host.input(Self.packet())
    #expect(host.take().isEmpty && host.counter("ip.cantforward") == 1)
    #expect(host.harness.counters("icmp").isEmpty, "and nobody is told anything")
    host.set("net.inet.ip.forwarding", 1)
    host.input(Self.packet())
    #expect(try host.takeOne().nextHop == Host.bob)
  }

  @Test func whatMustNotBeForwarded() throws {
    let host = try Host()
    host.route(nl.route(nil, prefix: 0, via: Host.bob, interface: 102))
    let destinations: [[UInt8]] = [
      [0, 0, 0, 1], [240, 0, 0, 1], [169, 254, 1, 1], [10, 2, 0, 255], [255, 255, 255, 254],
    ]
    for destination in destinations {
      var packet = Self.packet()
      packet.destination = destination
      host.input(packet)
    }
    for source in [[0, 0, 0, 0], [0, 9, 9, 9], [240, 0, 0, 1], [169, 254, 0, 1]] as [[UInt8]] {
      var packet = Self.packet()
      packet.source = source
      host.input(packet)
    }
    host.input(Self.packet(), flags: M_BCAST)
    host.input(Self.packet(), flags: M_MCAST)
    #expect(host.counter("ip.cantforward") == 11)
    for (source, destination) in [([127, 0, 0, 1], Host.bob), (Host.alice, [127, 0, 0, 1])] as [([UInt8], [UInt8])] {
      var packet = Self.packet()
      (packet.source, packet.destination) = (source, destination)
      host.input(packet)
    }
    #expect(host.counter("ip.badaddr") == 2)
    host.input(Self.packet(), flags: M_PROMISC)
    #expect(host.take().isEmpty && host.counter("ip.forward") == 0)
    // Groups are this host's own.
    var group = Self.packet(proto: 2)
    group.destination = [224, 0, 0, 22]
    host.input(group)
    #expect(host.harness.delivered(to: NETISR_IGMP).count == 1)
    #expect(host.harness.isIPBalanced)
  }

  @Test func theSenderIsToldWhyNot() throws {
    let host = try Host()
    host.route(nl.route([172, 16, 0, 0], prefix: 16, kind: 7))
    host.route(nl.route([172, 17, 0, 0], prefix: 16, kind: 8))
    host.route(nl.route([172, 18, 0, 0], prefix: 16, kind: 6))
    host.route(nl.route([172, 19, 0, 0], prefix: 16, interface: 999))
    func told(_ destination: [UInt8], ttl: UInt8 = 64) -> [UInt8] {
      var packet = Self.packet()
      packet.destination = destination
      packet.ttl = ttl
      host.input(packet)
      return host.take().flatMap { sent -> [UInt8] in
        let datagram = SentDatagram(sent)
        guard let message = datagram.icmp, message.quote == packet.bytes, datagram.source == Host.leftAddress,
          datagram.destination == Host.alice
        else { return [255] }
        return [message.type, message.code]
      }
    }
    #expect(told([9, 9, 9, 9]) == [3, 0])
    #expect(told([172, 16, 0, 1]) == [3, 1])
    #expect(told([172, 17, 0, 1]) == [3, 13])
    #expect(told([172, 18, 0, 1]) == [])
    #expect(told([172, 19, 0, 1]) == [3, 1])
    #expect(told(Host.bob, ttl: 1) == [11, 0])
    #expect(told(Host.bob, ttl: 0) == [11, 0])
    #expect(host.counter("ip.cantforward") == 7 && host.counter("ip.noroute") == 5)
    host.right.pointee.if_flags &= ~UInt32(IFNET_UP)
    #expect(told(Host.bob) == [3, 1])
    host.noteChange()
    #expect(told(Host.bob) == [3, 0])
    #expect(host.harness.isIPBalanced && host.harness.mbufsInFlight == 0)
  }

  // MARK: Lengths

  @Test func whatIsTooLongIsCut() throws {
    let host = try Host(rightMTU: 576)
    var packet = Self.packet(1480)
    packet.options = [148, 4, 0, 0]
    host.input(packet)
    let sent = host.take()
    #expect(sent.count > 2 && sent.allSatisfy { $0.bytes.count <= 576 && $0.nextHop == Host.bob })
    #expect(SentDatagram.reassembled(sent) == packet.payload)
    #expect(sent.allSatisfy { SentDatagram($0).ttl == 63 && SentDatagram($0).options == [148, 4, 0, 0] })
    #expect(sent.allSatisfy { SentDatagram($0).identification == packet.identification })
    #expect(host.counter("ip.forward") == 1 && host.counter("ip.fragmented") == 1)
  }

  /// Fragments of fragments are fragments of the datagram; none is put together on the way.
  @Test func fragmentsAreCutToo() throws {
    let host = try Host(rightMTU: 300)
    let packet = Self.packet(4000)
    for fragment in packet.fragments(of: 1480).shuffled() { host.input(fragment) }
    let sent = host.take()
    #expect(sent.count >= 15)
    #expect(SentDatagram.reassembled(sent) == packet.payload)
    #expect(host.counter("ip.fragments") == 0 && host.counter("ip.forward") == 3)
    #expect(host.harness.isIPBalanced && host.harness.mbufsInFlight == 0)
  }

  @Test func theSenderLearnsThePathsMTU() throws {
    let host = try Host(rightMTU: 1400)
    var packet = Self.packet(1381)
    packet.dontFragment = true
    host.input(packet)
    var message = try #require(SentDatagram(try host.takeOne()).icmp)
    #expect(message.type == 3 && message.code == 4 && message.word == 1400)
    packet.payload.removeLast()
    host.input(packet)
    #expect(try host.takeOne().bytes.count == 1400)
    // A route may have one of its own.
    host.route(
      nl.route(
        [172, 16, 0, 0], prefix: 12, via: Host.bob, interface: 102,
        extra: nl.attribute(8, nl.attribute(2, nl.u32(1280)))))
    packet.destination = [172, 16, 1, 1]
    host.input(packet)
    message = try #require(SentDatagram(try host.takeOne()).icmp)
    #expect(message.code == 4 && message.word == 1280)
    #expect(host.counter("ip.cantfrag") == 2 && host.counter("ip.cantforward") == 2)
  }

  // MARK: Options

  @Test func recordsItsWay() throws {
    let host = try Host()
    func forwarded(_ options: [UInt8]) throws -> [UInt8] {
      var packet = Self.packet()
      packet.options = options
      host.input(packet)
      let sent = SentDatagram(try host.takeOne())
      #expect(sent.isSound && sent.ttl == 63 && sent.payload == packet.payload)
      return sent.options
    }
    #expect(try forwarded([7, 7, 4, 0, 0, 0, 0]) == [7, 7, 8] + Host.rightAddress + [0])
    #expect(try forwarded([7, 7, 8, 1, 2, 3, 4]) == [7, 7, 8, 1, 2, 3, 4, 0])
    let time = UInt32(host.now / 1_000_000 % 86_400_000)
    let bytes = (0..<4).map { UInt8(time >> (24 - 8 * $0) & 0xff) }
    #expect(
      try forwarded([7, 7, 4, 0, 0, 0, 0, 68, 12, 5, 1, 0, 0, 0, 0, 0, 0, 0, 0])
        == [7, 7, 8] + Host.rightAddress + [68, 12, 13, 1] + Host.rightAddress + bytes + [0])
    #expect(try forwarded([148, 4, 0, 0]) == [148, 4, 0, 0])
  }

  // MARK: Redirects

  @Test func tellsOfAShorterWay() throws {
    let host = try Host()
    let router: [UInt8] = [10, 1, 0, 254]
    host.route(nl.route([172, 16, 0, 0], prefix: 12, via: router, interface: 101))
    var packet = Self.packet()
    packet.destination = [172, 16, 1, 1]
    host.input(packet)
    let sent = host.take()
    #expect(sent.count == 2)
    let message = try #require(sent.first.map(SentDatagram.init)?.icmp)
    #expect(message.type == 5 && message.code == 1 && message.quote == packet.bytes)
    #expect(message.word == router.reduce(0) { $0 << 8 | UInt32($1) })
    #expect(sent.last?.nextHop == router && sent.last?.bytes[8] == 63, "and it goes on all the same")
    // Not to a sender that is not on this link, and not if it is not to be.
    packet.source = [192, 0, 2, 1]
    host.input(packet)
    #expect(host.take().count == 1)
    packet.source = Host.alice
    host.set("net.inet.ip.redirect", 0)
    host.input(packet)
    #expect(host.take().count == 1)
    #expect(host.counter("icmp.outredirect") == 1 && host.counter("ip.redirectsent") == 1)
    #expect(host.counter("ip.forward") == 3)
  }

  @Test func redirectsOfOthersAreNotFollowed() throws {
    let host = try Host()
    let told = IPPacket(
      proto: 1, source: Host.alice, destination: Host.leftAddress,
      payload: icmpMessage(type: 5, code: 1, rest: [10, 1, 0, 66] + Self.packet().bytes))
    host.input(told)
    host.input(Self.packet())
    #expect(try host.takeOne().nextHop == Host.bob)
    #expect(host.counter("icmp.redirect") == 1)
  }

  // MARK: Stacks and failures

  @Test func neverIntoAnotherStack() throws {
    let host = try Host()
    let other = try Host.make(host.harness, "other", [10, 9, 0, 1], system: 109, vnet: 2)
    host.noteChange()
    var packet = Self.packet()
    packet.destination = [10, 9, 0, 7]
    host.input(packet)
    #expect(SentDatagram(try host.takeOne()).icmp?.code == 0)
    packet = Self.packet()
    packet.source = [10, 9, 0, 50]
    host.input(packet.bytes, by: other)
    let sent = try host.takeOne()
    #expect(sent.interfaceIndex == other.pointee.if_index, "told by its own interface")
  }

  @Test func theTableFollowsTheInterfaces() throws {
    let host = try Host()
    func entries() -> Int { host.harness.engine.tableEntries(of: "ip.onlink", vnet: 0)?.count ?? 0 }
    #expect(entries() == 6, "an address, a network and a broadcast each")
    host.right.pointee.if_flags &= ~UInt32(IFNET_UP)
    host.noteChange()
    #expect(entries() == 4)
    host.harness.engine.interfaces.withdraw(host.right)
    host.noteChange()
    #expect(entries() == 3)
    // What a generation has learned is the next one's.
    try host.harness.reload("ip")
    #expect(entries() == 3)
    host.harness.engine.runCallouts()
    #expect(entries() == 3)
  }
}
