import CNetISR
import NetISR
import TestSupport
import Testing

/// A router of this host: what is for others is passed on, from one link to another.
@Suite struct IP6ForwardTests {
  private typealias Station = IP6Station
  private static let second = IP6Station.second
  /// 2001:db8:0:1::99/64 and fe80::ff:fe00:77 on the other link, where 2001:db8:0:1::5 is.
  private static let otherLink: [UInt8] = [2, 0, 0, 0, 0, 0x77]
  private static let otherOwn: [UInt8] = [0x20, 1, 0x0d, 0xb8, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0x99]
  private static let there: [UInt8] = [0x20, 1, 0x0d, 0xb8, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 5]

  private struct Router {
    let station: Station
    let recorder = FrameRecorder()
    let interface: UnsafeMutablePointer<ifnet>

    init() throws {
      station = try Station()
      interface = try Station.makeInterface(station.harness, "other", otherLink, recorder)
      Station.set([(otherOwn, 64)], of: interface)
      interface.pointee.if_mtu = 1400
      station.noteChange()
      station.set("ip6.forwarding", 1)
      station.settle()
      station.meet(IP6.globalA, at: ICMP6Tests.mac)
      station.input(
        IP6.icmp6Packet(
          135, [0, 0, 0, 0] + otherOwn + [1, 1] + ICMP6Tests.otherMAC, from: there, to: Station.solicitedNode(otherOwn)),
        by: interface)
      _ = recorder.take()
      _ = station.recorder.take()
    }

    /// What came out of the other link.
    func passed() -> [[UInt8]] { recorder.take() }
  }

  private static func packet(
    _ payload: [UInt8] = [1, 2, 3], from source: [UInt8] = IP6.globalA, to destination: [UInt8] = there,
    hopLimit: UInt8 = 64, next: UInt8 = 59
  ) -> [UInt8] {
    IP6.packet(next, payload, from: source, to: destination, hopLimit: hopLimit)
  }

  private static func told(
    _ type: UInt8, _ code: UInt8, _ parameter: Int = 0, about packet: [UInt8], from source: [UInt8] = Station.global
  ) -> [UInt8] {
    IP6.icmp6Packet(
      type, IP6.be32(parameter) + packet.prefix(1232), code: code, from: source, to: IP6.globalA, hopLimit: 64)
  }

  @Test func packetsArePassedOn() throws {
    let router = try Router()
    for (length, split) in [(3, []), (1360, [40, 100]), (1360, [])] as [(Int, [Int])] {
      let payload = [UInt8](repeating: 9, count: length)
      router.station.input(Self.packet(payload), split: split)
      #expect(
        router.passed() == [
          Station.frame(Self.packet(payload, hopLimit: 63), to: ICMP6Tests.otherMAC, from: Self.otherLink)
        ])
    }
    #expect(router.station.harness.counter("ip6.forward") == 3 && router.station.sent().isEmpty)
    // The fragments of others are not put together, their options for the way are read.
    let fragment = IP6.fragmentPacket(59, 0, more: true, [UInt8](repeating: 1, count: 64), to: Self.there)
    router.station.input(fragment)
    #expect(router.passed().count == 1 && router.station.harness.counter("ip6.reassembled") == 0)
    router.station.input(Self.packet(IP6.options(59, [5, 2, 0, 0]), next: 0))
    #expect(router.passed().count == 1)
    // The router's own addresses are at home on all of its links.
    router.station.input(IP6.icmp6Packet(128, [0, 1, 0, 2], to: Self.otherOwn))
    #expect(
      router.station.sent() == [IP6.icmp6Packet(129, [0, 1, 0, 2], from: Self.otherOwn, to: IP6.globalA, hopLimit: 64)])
  }

  @Test func aHostPassesNothingOn() throws {
    let router = try Router()
    router.station.set("ip6.forwarding", 0)
    router.station.input(Self.packet())
    #expect(router.passed().isEmpty && router.station.sent().isEmpty)
    #expect(router.station.harness.counter("ip6.cantforward") == 1)
  }

  @Test func sendersAreToldWhatIsWrong() throws {
    let router = try Router()
    let cases: [(String, packet: [UInt8], answer: (UInt8, UInt8, Int)?)] = [
      ("hop limit 1", Self.packet(hopLimit: 1), (3, 0, 0)),
      ("hop limit 0", Self.packet(hopLimit: 0), (3, 0, 0)),
      ("no route", Self.packet(to: [0x20, 9] + [UInt8](repeating: 3, count: 14)), (1, 0, 0)),
      ("too big", Self.packet([UInt8](repeating: 1, count: 1361)), (2, 0, 1400)),
      ("an option for the way", Self.packet(IP6.options(59, [1, 0, 0x9e, 0]), next: 0), (4, 2, 44)),
      ("to a link-local address", Self.packet(to: IP6.linkB), nil),
      ("to a group", Self.packet(to: IP6.group), nil),
      ("from nobody", Self.packet(from: IP6.unspecified), nil),
    ]
    for (name, packet, answer) in cases {
      router.station.input(packet)
      #expect(router.passed().isEmpty, "\(name)")
      #expect(
        router.station.sent() == (answer.map { [Self.told($0.0, $0.1, $0.2, about: packet)] } ?? []), "\(name)")
    }
    // Of a link-local source beyond its link; the sender is told on that link.
    router.station.meet(IP6.linkA, at: ICMP6Tests.mac)
    let packet = Self.packet(from: IP6.linkA)
    router.station.input(packet)
    #expect(router.passed().isEmpty)
    let answers = router.station.sent()
    #expect(answers.map { Array($0[40..<42]) } == [[1, 2]] && answers.map { Array($0[24..<40]) } == [IP6.linkA])
    for flag in [M_MCAST, M_BCAST, M_PROMISC] {
      router.station.input(Self.packet(), flags: UInt32(flag))
      #expect(router.passed().isEmpty && router.station.sent().isEmpty)
    }
    #expect(router.station.harness.mbufsInFlight == 0 && router.station.harness.engine.conservation().isBalanced)
  }

  @Test func nobodyIsThere() throws {
    let router = try Router()
    let packet = Self.packet(to: Array(Self.there[..<15]) + [6])
    router.station.input(packet)
    #expect(router.passed().count == 1, "it is asked for")
    router.station.pass(4 * Self.second)
    var gone = packet
    gone[7] = 63
    #expect(router.station.sent().filter { $0[40] == 1 } == [Self.told(1, 3, about: gone)])
  }

  @Test func aRouterSaysThatItIsOne() throws {
    let router = try Router()
    router.station.input(ICMP6Tests.solicitation(Station.global, from: IP6.globalA, to: Station.solicited))
    #expect(router.station.sent() == [Station.advertisement(Station.global, to: IP6.globalA, flags: 0xe0)])
    #expect(router.station.entry("groups", Self.allRouters)?[0] == 1)
    router.station.set("ip6.forwarding", 0)
    router.station.pass(2 * Self.second)
    #expect(router.station.entry("groups", Self.allRouters)?[0] != 1)
  }

  private static let allRouters: [UInt8] = [0xff, 2] + [UInt8](repeating: 0, count: 13) + [2]

  @Test func aRouterAdvertisesItself() throws {
    let router = try Router()
    router.station.set("ip6.rtadv", 1)
    router.station.pass(40 * Self.second)
    let sent = router.station.sent().filter { $0[6] == 58 && $0[40] == 134 }
    #expect(sent.count == 3, "soon, and then every 16 seconds at first")
    let options = [1, 1] + Station.own + [5, 1, 0, 0] + IP6.be32(1500)
    let prefix =
      [3, 4, 64, 0xc0] + IP6.be32(2_592_000) + IP6.be32(604_800) + IP6.be32(0) + Station.global[..<8]
      + [UInt8](repeating: 0, count: 8)
    let expected = IP6.icmp6Packet(
      134, [64, 0] + IP6.be16(1800) + IP6.be32(0) + IP6.be32(0) + options + prefix, from: Station.linkLocal,
      to: IP6.allNodes)
    #expect(sent.first == expected)
    // Who asks is answered soon, by telling all.
    router.station.pass(10 * Self.second)
    _ = router.station.sent()
    router.station.input(
      IP6.icmp6Packet(133, ICMP6Tests.zero + ICMP6Tests.link(1), from: IP6.linkA, to: Self.allRouters))
    router.station.pass(2 * Self.second)
    #expect(router.station.sent().filter { $0[40] == 134 } == [expected])
  }

  /// The router lifetimes of advertisements, on either link.
  private static func lifetimes(_ sent: [[UInt8]]) -> [Int] {
    sent.filter { $0[6] == 58 && $0[40] == 134 }.map { Int($0[46]) << 8 | Int($0[47]) }
  }

  /// RFC 4861, section 6.2.5.
  @Test func aRouterThatCeasesSaysSo() throws {
    for (setting, value) in [("ip6.rtadv", 0), ("ip6.forwarding", 0)] as [(String, Int64)] {
      let router = try Router()
      router.station.set("ip6.rtadv", 1)
      router.station.pass(5 * Self.second)
      #expect(Self.lifetimes(router.station.sent()) == [1800])
      router.station.set(setting, value)
      router.station.pass(3 * Self.second)
      #expect(Self.lifetimes(router.station.sent()) == [0], "soon")
      router.station.pass(60 * Self.second)
      #expect(Self.lifetimes(router.station.sent()) == [0, 0], "and twice again, lest one is lost")
      #expect(router.station.harness.counter("icmp6.snd_router_advert") == 8, "four on each link")
      // It takes its word back.
      router.station.set(setting, 1)
      router.station.pass(5 * Self.second)
      #expect(Self.lifetimes(router.station.sent()) == [1800])
    }
  }

  /// Its last word is one before it goes; a new generation goes on where it was.
  @Test func aRouterThatIsUnloadedSaysSo() throws {
    let router = try Router()
    router.station.set("ip6.rtadv", 1)
    router.station.pass(5 * Self.second)
    _ = router.station.sent()
    _ = router.passed()
    try router.station.harness.reload("ip6")
    #expect(router.station.recorder.take().isEmpty)
    try router.station.harness.host.unload("ip6")
    #expect(Self.lifetimes(router.station.sent()) == [0])
    #expect(router.passed().map { Array($0[60..<62]) } == [[0, 0]])
    #expect(router.station.harness.mbufsInFlight == 0)
    // Loaded again, it says at once that it is one.
    try router.station.harness.host.load(Fixtures.plugin("ip6"))
    router.station.noteChange()
    router.station.pass(3 * Self.second)
    #expect(Self.lifetimes(router.station.sent()) == [1800])
    // Who has never said that it is a router has nothing to take back.
    let host = try Router()
    try host.station.harness.host.unload("ip6")
    #expect(host.station.recorder.take().isEmpty)
  }

  @Test func thereIsAShorterWay() throws {
    let router = try Router()
    router.station.meet(IP6.globalB, at: ICMP6Tests.otherMAC)
    let packet = Self.packet(to: IP6.globalB)
    router.station.input(packet)
    let sent = router.station.sent()
    let units = packet.count / 8
    let quoted = [4, UInt8(units + 1), 0, 0, 0, 0, 0, 0] + packet[..<(units * 8)]
    let message = ICMP6Tests.zero + IP6.globalB + IP6.globalB + ICMP6Tests.link(2, ICMP6Tests.otherMAC) + quoted
    #expect(
      sent == [
        IP6.icmp6Packet(137, message, from: Station.linkLocal, to: IP6.globalA),
        Self.packet(to: IP6.globalB, hopLimit: 63),
      ])
    router.station.set("ip6.redirect", 0)
    router.station.input(packet)
    #expect(router.station.sent() == [Self.packet(to: IP6.globalB, hopLimit: 63)])
  }
}
