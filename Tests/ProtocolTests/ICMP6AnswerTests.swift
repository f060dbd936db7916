import CNetISR
import NetISR
import TestSupport
import Testing

/// What this station says by ICMPv6 (RFC 4443).
@Suite struct ICMP6AnswerTests {
  private typealias Station = IP6Station
  private static let second = IP6Station.second

  private static func settled() throws -> Station {
    let station = try Station()
    station.settle()
    station.meet(IP6.globalA, at: ICMP6Tests.mac)
    return station
  }

  private static func error(
    _ type: UInt8, _ code: UInt8, _ parameter: Int = 0, about packet: [UInt8], from source: [UInt8] = Station.global
  ) -> [UInt8] {
    IP6.icmp6Packet(
      type, IP6.be32(parameter) + packet.prefix(1232), code: code, from: source, to: IP6.globalA, hopLimit: 64)
  }

  private static func packet(_ next: UInt8, _ payload: [UInt8], to destination: [UInt8] = Station.global) -> [UInt8] {
    IP6.packet(next, payload, to: destination)
  }

  // MARK: Echo

  @Test func echoesAreAnswered() throws {
    let station = try Self.settled()
    for count in [0, 1, 56, 1451, 1452] {
      let data = [0, 1, 0, 2] + (0..<count).map { UInt8(truncatingIfNeeded: $0) }
      station.input(IP6.icmp6Packet(128, data, to: Station.global), split: count == 56 ? [40, 3, 20] : [])
      #expect(
        station.sent() == [IP6.icmp6Packet(129, data, from: Station.global, to: IP6.globalA, hopLimit: 64)], "\(count)")
    }
    // Its extension headers are not the answer's.
    let message = IP6.icmp6(128, [0, 1, 0, 2, 9], to: Station.global)
    station.input(Self.packet(60, IP6.options(58, []) + message))
    #expect(
      station.sent() == [IP6.icmp6Packet(129, [0, 1, 0, 2, 9], from: Station.global, to: IP6.globalA, hopLimit: 64)])
    #expect(station.harness.counter("icmp6.reflect") == 6)
  }

  @Test func aLongEchoComesAndGoesInFragments() throws {
    let station = try Self.settled()
    let data = [0, 1, 0, 2] + (0..<65_000).map { UInt8(truncatingIfNeeded: $0 >> 3) }
    let message = IP6.icmp6(128, data, to: Station.global)
    var offset = 0
    while offset < message.count {
      let piece = Array(message[offset..<min(offset + 1448, message.count)])
      station.input(
        IP6.fragmentPacket(58, offset, more: offset + 1448 < message.count, piece, to: Station.global))
      offset += 1448
    }
    let pieces = station.sent()
    #expect(pieces.count == 45)
    let whole = pieces.flatMap { Array($0[48...]) }
    #expect(whole == IP6.icmp6(129, data, from: Station.global, to: IP6.globalA))
    #expect(station.harness.mbufsInFlight == 0)
  }

  @Test func whoAsksAGroupIsAnsweredByAMember() throws {
    let station = try Self.settled()
    station.meet(IP6.linkA, at: ICMP6Tests.mac)
    station.input(IP6.icmp6Packet(128, [0, 1, 0, 2], from: IP6.linkA, to: IP6.allNodes), flags: UInt32(M_MCAST))
    #expect(
      station.sent() == [IP6.icmp6Packet(129, [0, 1, 0, 2], from: Station.linkLocal, to: IP6.linkA, hopLimit: 64)])
    // Nobody can be answered.
    station.input(IP6.icmp6Packet(128, [0, 1, 0, 2], from: IP6.unspecified, to: Station.global))
    #expect(station.sent().isEmpty)
  }

  // MARK: Errors

  @Test func thePortIsUnreachable() throws {
    let station = try Self.settled()
    let datagram = UDP6Tests.packet(to: Station.global)
    station.input(datagram)
    #expect(station.sent() == [Self.error(1, 4, about: datagram)])
    #expect(station.harness.counter("icmp6.snd_unreach") == 1)
  }

  @Test func unknownHeadersAndOptions() throws {
    let station = try Self.settled()
    let unknown = Self.packet(60, IP6.options(253, []) + [1, 2, 3])
    station.input(unknown)
    #expect(station.sent() == [Self.error(4, 1, 40, about: unknown)])
    // By the two highest bits: skip, discard, discard and say so, the same unless it was for a group.
    for (type, told) in [(0x1e, false), (0x5e, false), (0x9e, true), (0xde, true)] as [(UInt8, Bool)] {
      let packet = Self.packet(60, IP6.options(59, [1, 0, type, 0]))
      station.input(packet)
      #expect(station.sent() == (told ? [Self.error(4, 2, 44, about: packet)] : []), "\(type)")
      let toGroup = Self.packet(60, IP6.options(59, [1, 0, type, 0]), to: IP6.allNodes)
      station.input(toGroup, flags: UInt32(M_MCAST))
      #expect(station.sent() == (type == 0x9e ? [Self.error(4, 2, 44, about: toGroup)] : []), "\(type) to a group")
    }
    // A routing header that nobody here executes, options that are not the first header.
    let routed = Self.packet(43, IP6.routing(59, type: 4, segmentsLeft: 1))
    station.input(routed)
    #expect(station.sent() == [Self.error(4, 0, 42, about: routed)])
    let late = Self.packet(60, IP6.options(0, []) + IP6.options(59, []))
    station.input(late)
    #expect(station.sent() == [Self.error(4, 1, 40, about: late)])
    #expect(station.harness.counter("icmp6.snd_paramprob") == 6)
  }

  @Test func fragmentsThatCanNotBe() throws {
    let station = try Self.settled()
    let odd = IP6.fragmentPacket(59, 0, more: true, [UInt8](repeating: 0, count: 15), to: Station.global)
    station.input(odd)
    #expect(station.sent() == [Self.error(4, 0, 4, about: odd)])
    let long = IP6.fragmentPacket(59, 65_528, more: false, [UInt8](repeating: 0, count: 16), to: Station.global)
    station.input(long)
    #expect(station.sent() == [Self.error(4, 0, 42, about: long)])
  }

  @Test func theRestDidNotCome() throws {
    let station = try Self.settled()
    let first = IP6.fragmentPacket(17, 0, more: true, (0..<64).map { UInt8($0) }, to: Station.global)
    station.input(first)
    // Of another datagram only the second piece: nobody is told whose it is.
    station.input(IP6.fragmentPacket(17, 64, more: true, id: 8, [UInt8](repeating: 1, count: 64), to: Station.global))
    station.harness.pass(62 * Self.second, step: Self.second)
    let told = station.sent().filter { $0[40] == 3 }
    #expect(told == [Self.error(3, 1, about: first)])
    #expect(station.harness.counter("ip6.fragtimeout") == 2 && station.harness.mbufsInFlight == 0)
  }

  @Test func someAreNeverTold() throws {
    let station = try Self.settled()
    func unknown(from source: [UInt8], to destination: [UInt8]) -> [UInt8] {
      IP6.packet(253, [1], from: source, to: destination)
    }
    let station2 = UInt32(M_PROMISC)
    let silent: [(String, [UInt8], UInt32)] = [
      (
        "an error",
        Self.packet(60, IP6.options(58, [1, 0, 0x9e, 0]) + IP6.icmp6(1, [0, 0, 0, 0], to: Station.global)), 0
      ),
      (
        "a redirect",
        Self.packet(
          60, IP6.options(58, [1, 0, 0x9e, 0]) + IP6.icmp6(137, [UInt8](repeating: 0, count: 36), to: Station.global)),
        0
      ),
      ("to a group", unknown(from: IP6.globalA, to: IP6.allNodes), 0),
      ("as a group's frame", unknown(from: IP6.globalA, to: Station.global), UInt32(M_MCAST)),
      ("as a broadcast", unknown(from: IP6.globalA, to: Station.global), UInt32(M_BCAST)),
      ("from nobody", unknown(from: IP6.unspecified, to: Station.global), 0),
      ("for another station", unknown(from: IP6.globalA, to: Station.global), station2),
    ]
    for (name, packet, flags) in silent {
      station.input(packet, flags: flags)
      #expect(station.sent().isEmpty, "\(name)")
    }
  }

  @Test func errorsAreRare() throws {
    let station = try Self.settled()
    station.set("icmp6.errppslimit_peer", 0)
    let packet = Self.packet(253, [1])
    for _ in 0..<150 { station.input(packet) }
    #expect(station.sent().count == 100 && station.harness.counter("icmp6.toofreq") == 50)
    station.pass(Self.second)
    station.set("icmp6.errppslimit", 3)
    for _ in 0..<10 { station.input(packet) }
    #expect(station.sent().filter { $0[40] == 4 }.count == 3)
    station.set("icmp6.errppslimit", -1)
    for _ in 0..<200 { station.input(packet) }
    #expect(station.sent().count == 200)
  }

  /// Whoever gets many takes none from the others.
  @Test func eachSenderHasALimit() throws {
    let station = try Self.settled()
    for _ in 0..<150 { station.input(Self.packet(253, [1])) }
    #expect(station.sent().count == 20 && station.harness.counter("icmp6.toofreq") == 130)
    station.meet(IP6.globalB, at: ICMP6Tests.otherMAC)
    let other = IP6.packet(253, [1], from: IP6.globalB, to: Station.global)
    for _ in 0..<30 { station.input(other) }
    #expect(station.sent().map { Array($0[24..<40]) } == Array(repeating: IP6.globalB, count: 20))
    #expect(station.harness.tableCount("ip6.limits_peers") == 2)
    station.pass(Self.second)
    station.input(other)
    #expect(station.sent().filter { $0[40] == 4 }.count == 1)
  }

  @Test func whoOnlyListensSaysNothing() throws {
    let station = try Self.settled()
    station.interface.pointee.if_flags |= UInt32(IFNET_MONITOR)
    for packet in [
      IP6.icmp6Packet(128, [0, 1, 0, 2], to: Station.global), Self.packet(253, [1]),
      UDP6Tests.packet(to: Station.global),
      ICMP6Tests.solicitation(Station.global, to: Station.solicited),
    ] {
      station.input(packet)
    }
    #expect(station.sent().isEmpty)
  }
}
