import CNetISR
import NetISR
import TestSupport
import Testing

/// ip as the sender of what is made in this host.
@Suite struct IPOutputTests {
  private typealias Host = IPHost
  private static let far: [UInt8] = [172, 16, 5, 5]
  private let nl = RouteMessages()

  private static func datagram(
    to destination: [UInt8], from source: [UInt8] = [0, 0, 0, 0], ttl: UInt8 = 0, count: Int = 100
  ) -> IPPacket {
    var packet = IPPacket(identification: 0, ttl: ttl, proto: 253, source: source, destination: destination)
    packet.payload = pattern(count)
    return packet
  }

  // MARK: Headers

  @Test(arguments: [[], [19], [20], [1, 1, 1, 30]])
  func fillsInWhatIsMissing(split: [Int]) throws {
    let host = try Host()
    host.output(Self.datagram(to: Host.bob).bytes, split: split)
    let sent = try host.takeOne()
    let datagram = SentDatagram(sent)
    #expect(datagram.isSound)
    #expect(datagram.source == Host.rightAddress && datagram.destination == Host.bob && datagram.ttl == 64)
    #expect(datagram.payload == pattern(100))
    #expect(sent.nextHop == Host.bob && sent.interfaceIndex == host.right.pointee.if_index)
    #expect(sent.flags & M_LOCALOUT == 0)
    #expect(host.harness.counters("ip") == ["localout": 1])
    #expect(host.harness.mbufsInFlight == 0)
  }

  @Test func keepsWhatIsThere() throws {
    let host = try Host()
    host.set("net.inet.ip.ttl", 33)
    var packet = Self.datagram(to: Host.bob, from: Host.leftAddress, ttl: 7)
    packet.tos = 0xb8
    packet.options = [148, 4, 0, 0]
    packet.dontFragment = true
    host.output(packet.bytes)
    let sent = SentDatagram(try host.takeOne())
    #expect(sent.isSound && sent.ttl == 7 && sent.source == Host.leftAddress && sent.bytes[1] == 0xb8)
    #expect(sent.options == [148, 4, 0, 0] && sent.bytes[6] == 0x40)
    host.output(Self.datagram(to: Host.bob).bytes)
    #expect(SentDatagram(try host.takeOne()).ttl == 33)
  }

  @Test func identificationsDiffer() throws {
    let host = try Host()
    for _ in 0..<1000 { host.output(Self.datagram(to: Host.bob).bytes) }
    #expect(Set(host.take().map { SentDatagram($0).identification }).count == 1000)
  }

  @Test(arguments: [
    [UInt8](repeating: 0x45, count: 19), [0x46] + [UInt8](repeating: 0, count: 19),
    [0x60] + [UInt8](repeating: 0, count: 40),
    [0x44] + [UInt8](repeating: 0, count: 40), [0x45, 0, 0, 0, 0, 0, 0x20, 0] + [UInt8](repeating: 1, count: 40),
    [0x45, 0, 0, 0, 0, 0, 0, 1] + [UInt8](repeating: 1, count: 40),
  ])
  func refusesWhatIsNoDatagram(bytes: [UInt8]) throws {
    let host = try Host()
    host.output(bytes)
    #expect(host.take().isEmpty)
    #expect(host.harness.counters("ip") == ["localout": 1, "odropped": 1])
    #expect(host.harness.mbufsInFlight == 0)
  }

  // MARK: Ways

  @Test func groupsAndBroadcastsGoByTheGivenInterface() throws {
    let host = try Host()
    for (destination, ttl) in [([224, 0, 0, 251], 1), ([255, 255, 255, 255], 64)] as [([UInt8], UInt8)] {
      host.output(Self.datagram(to: destination).bytes, by: host.right)
      let sent = try host.takeOne()
      let datagram = SentDatagram(sent)
      #expect(sent.interfaceIndex == host.right.pointee.if_index && sent.nextHop == destination)
      #expect(datagram.isSound && datagram.source == Host.rightAddress && datagram.ttl == ttl)
    }
    // A network's broadcast goes where the network is.
    host.output(Self.datagram(to: [10, 2, 0, 255]).bytes)
    #expect(try host.takeOne().interfaceIndex == host.right.pointee.if_index)
    // What only listens sends nothing.
    host.right.pointee.if_flags |= UInt32(IFNET_MONITOR)
    host.output(Self.datagram(to: [224, 0, 0, 251]).bytes, by: host.right)
    #expect(host.take().isEmpty && host.counter("ip.noroute") == 1)
  }

  @Test(arguments: [[0, 0, 0, 0], [127, 0, 0, 1], [240, 0, 0, 1], [9, 9, 9, 9]] as [[UInt8]])
  func thereIsNoWayTo(destination: [UInt8]) throws {
    let host = try Host()
    host.output(Self.datagram(to: destination).bytes)
    #expect(host.take().isEmpty)
    #expect(host.harness.counters("ip") == ["localout": 1, "odropped": 1, "noroute": 1])
    #expect(host.harness.counters("icmp").isEmpty)
  }

  @Test func theLongestPrefixWinsAndItsOwnAmongEquals() throws {
    let host = try Host()
    func way(_ destination: [UInt8]) -> String {
      host.output(Self.datagram(to: destination).bytes)
      let sent = host.take()
      guard let only = sent.first, sent.count == 1 else { return "\(sent.count) packets" }
      let name = only.interfaceIndex == host.left.pointee.if_index ? "left" : "right"
      return name + " " + (only.nextHop ?? []).map(String.init).joined(separator: ".")
    }
    #expect(way(Self.far) == "0 packets")
    host.route(nl.route(nil, prefix: 0, via: [10, 1, 0, 254], interface: 101))
    #expect(way(Self.far) == "left 10.1.0.254")
    host.route(nl.route([172, 16, 0, 0], prefix: 12, via: [10, 2, 0, 254], interface: 102))
    #expect(way(Self.far) == "right 10.2.0.254")
    host.route(nl.route([172, 16, 5, 0], prefix: 24, interface: 101))
    #expect(way(Self.far) == "left 172.16.5.5")
    // As long as the interface's own network: that comes first. Longer: the route.
    host.route(nl.route([10, 2, 0, 0], prefix: 24, via: [10, 1, 0, 254], interface: 101))
    #expect(way(Host.bob) == "right 10.2.0.9")
    host.route(nl.route([10, 2, 0, 8], prefix: 29, via: [10, 1, 0, 254], interface: 101))
    #expect(way(Host.bob) == "left 10.1.0.254")
    #expect(way([10, 2, 0, 16]) == "right 10.2.0.16")
    // By an interface that is not this host's: the next one.
    host.route(nl.route([172, 16, 5, 4], prefix: 30, interface: 77))
    #expect(way(Self.far) == "left 172.16.5.5")
    // Types that are no way.
    for kind in [6, 7, 8, 9] as [UInt8] {
      host.route(nl.route([172, 16, 5, 5], prefix: 32, kind: kind))
      #expect(way(Self.far) == "0 packets")
      host.route(nl.route(type: 25, [172, 16, 5, 5], prefix: 32, kind: kind))
    }
    #expect(way(Self.far) == "left 172.16.5.5")
  }

  @Test func anInterfaceThatIsDownIsNoWay() throws {
    let host = try Host()
    let nl = RouteMessages()
    host.route(nl.route(nil, prefix: 0, via: [10, 1, 0, 254], interface: 101))
    host.route(nl.route([172, 16, 0, 0], prefix: 12, via: [10, 2, 0, 254], interface: 102))
    host.right.pointee.if_flags &= ~UInt32(IFNET_UP)
    for told in [false, true] {
      // Also before the plugin was told.
      if told { host.noteChange() }
      host.output(Self.datagram(to: Self.far).bytes)
      #expect(try host.takeOne().nextHop == [10, 1, 0, 254])
    }
    host.output(Self.datagram(to: Host.bob).bytes)
    #expect(try host.takeOne().nextHop == [10, 1, 0, 254], "its network is not there any more")
    host.right.pointee.if_flags |= UInt32(IFNET_UP)
    host.noteChange()
    host.output(Self.datagram(to: Host.bob).bytes)
    #expect(try host.takeOne().nextHop == Host.bob)
  }

  @Test func stacksAreApart() throws {
    let host = try Host()
    let other = try Host.make(host.harness, "other", [10, 2, 0, 2], system: 103, vnet: 3)
    host.noteChange()
    host.output(Self.datagram(to: Host.bob).bytes, by: other)
    let sent = try host.takeOne()
    #expect(sent.interfaceIndex == other.pointee.if_index && SentDatagram(sent).source == [10, 2, 0, 2])
    host.output(Self.datagram(to: Host.alice).bytes, by: other)
    #expect(host.take().isEmpty)
  }

  /// What is sent to this host itself comes in again, by the queue.
  @Test func itsOwnDatagramsComeBack() throws {
    let host = try Host()
    var packet = Self.datagram(to: Host.rightAddress)
    packet.proto = 2
    host.output(packet.bytes)
    #expect(host.harness.delivered(to: NETISR_IGMP).isEmpty)
    host.harness.drain()
    let received = try #require(host.harness.delivered(to: NETISR_IGMP).first)
    let datagram = SentDatagram(received)
    #expect(datagram.isSound && datagram.source == Host.rightAddress && datagram.payload == pattern(100))
    #expect(received.interfaceIndex == host.right.pointee.if_index && received.flags & (M_LOCALOUT | M_PROTO1) == 0)
    // And a ping to oneself is answered.
    var echo = IPPacket(identification: 0, ttl: 0, proto: 1, source: [0, 0, 0, 0], destination: Host.leftAddress)
    echo.payload = icmpMessage(type: 8)
    host.output(echo.bytes)
    host.harness.drain()
    #expect(host.counter("icmp.echo") == 1 && host.counter("icmp.echoreply") == 1)
    #expect(host.harness.isIPBalanced && host.harness.mbufsInFlight == 0)
  }

  // MARK: Fragments

  @Test(arguments: [68, 576, 1000, 1500], [1, 8, 1480, 1481, 3000, 65_515])
  func cutsWhatIsTooLong(mtu: Int, count: Int) throws {
    let host = try Host(rightMTU: UInt32(mtu))
    let packet = Self.datagram(to: Host.bob, count: count)
    for split in [[], [20], [21, 500], [20, 1, 700, 3]] {
      host.output(packet.bytes, split: split)
      let sent = host.take()
      #expect(sent.allSatisfy { $0.bytes.count <= mtu })
      #expect(SentDatagram.reassembled(sent) == packet.payload)
      // No more of them than it takes.
      #expect(sent.count == max(1, count + 20 <= mtu ? 1 : (count + (mtu - 20) / 8 * 8 - 1) / ((mtu - 20) / 8 * 8)))
    }
    #expect(host.harness.mbufsInFlight == 0)
  }

  @Test func fragmentsHaveTheOptionsThatAreToBeCopied() throws {
    let host = try Host(rightMTU: 100)
    var packet = Self.datagram(to: Host.bob, count: 300)
    // A record of the route is for the first one alone; the router alert and the stream are for all.
    packet.options = [7, 7, 4, 0, 0, 0, 0, 1, 148, 4, 0, 0, 136, 4, 0, 9]
    host.output(packet.bytes)
    let sent = host.take()
    #expect(SentDatagram.reassembled(sent) == packet.payload)
    let parts = sent.map(SentDatagram.init)
    #expect(parts.first?.options == packet.options)
    #expect(parts.dropFirst().allSatisfy { $0.options == [148, 4, 0, 0, 136, 4, 0, 9] })
    #expect(host.counter("ip.fragmented") == 1 && host.counter("ip.ofragments") == UInt64(sent.count))
  }

  @Test func whatMustNotBeCutIsDropped() throws {
    let host = try Host(rightMTU: 1000)
    var packet = Self.datagram(to: Host.bob, count: 981)
    packet.dontFragment = true
    host.output(packet.bytes)
    packet.dontFragment = false
    host.right.pointee.if_mtu = 27
    host.output(packet.bytes)
    #expect(host.take().isEmpty)
    #expect(host.harness.counters("ip") == ["localout": 2, "odropped": 2, "cantfrag": 2])
    #expect(host.harness.mbufsInFlight == 0)
  }

  @Test func withoutMemoryNothingLeaks() throws {
    for limit in stride(from: 20 << 10, through: 400 << 10, by: 7 << 10) {
      let harness = try Harness(plugins: ["ip"], mbufLimit: limit)
      let right = try Host.make(harness, "right", Host.rightAddress, system: 1, mtu: 500)
      harness.engine.noteInterfaceChange()
      harness.engine.runCallouts()
      harness.input(
        NETISR_IP, Self.datagram(to: Host.bob, count: 60_000).bytes, interface: right, flags: M_LOCALOUT)
      #expect(harness.mbufsInFlight == 0, "\(limit)")
    }
  }
}
