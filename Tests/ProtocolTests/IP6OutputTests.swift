import CNetISR
import NetISR
import TestSupport
import Testing

/// Datagrams that this host makes (M_LOCALOUT).
@Suite struct IP6OutputTests {
  private typealias Station = IP6Station
  private static let second = IP6Station.second
  private static let far: [UInt8] = [0x20, 0x01, 0x0d, 0xb8, 0, 9] + [UInt8](repeating: 0, count: 9) + [7]

  private static func settled(_ addresses: [([UInt8], UInt8)] = [(Station.global, 64)]) throws -> Station {
    let station = try Station(addresses: addresses)
    station.settle()
    station.meet(IP6.globalA, at: ICMP6Tests.mac)
    return station
  }

  @Test func whatIsLeftOpenIsFilledIn() throws {
    let station = try Self.settled()
    // No length, no source, no hop limit, no checksum: an echo request and a UDP datagram.
    station.output(
      IP6.packet(58, [128, 0, 0, 0, 0, 1, 0, 2], from: IP6.unspecified, to: IP6.globalA, hopLimit: 0, length: 0))
    #expect(
      station.sent() == [
        IP6.icmp6Packet(128, [0, 1, 0, 2], from: Station.global, to: IP6.globalA, hopLimit: 64)
      ])
    station.set("ip6.hlim", 33)
    let datagram: [UInt8] = [0, 7, 0, 9, 0, 9, 0, 0, 0x55]
    station.output(IP6.packet(17, datagram, from: IP6.unspecified, to: IP6.globalA, hopLimit: 0), split: [3, 41])
    let sum = IP6.checksum(Station.global + IP6.globalA + IP6.be32(9) + [0, 0, 0, 17] + datagram)
    let whole = Array(datagram[..<6]) + IP6.be16(Int(sum)) + [0x55]
    #expect(station.sent() == [IP6.packet(17, whole, from: Station.global, to: IP6.globalA, hopLimit: 33)])
    // What the sender has said stays.
    let said = IP6.packet(59, [1, 2, 3], from: Station.global, to: IP6.globalA, hopLimit: 5)
    station.output(said)
    #expect(station.sent() == [said])
    #expect(station.harness.counter("ip6.localout") == 3)
    #expect(station.harness.counter("ip6.total") == 1, "what goes out has not come in")
  }

  @Test func theBestAddressIsTheSource() throws {
    let (site, other): ([UInt8], [UInt8]) = (
      [0x20, 0x01, 0x0d, 0xb8, 0, 9] + [UInt8](repeating: 0, count: 9) + [0x99],
      [0xfc] + [UInt8](repeating: 9, count: 15)
    )
    let station = try Self.settled([(Station.global, 64), (site, 64), (other, 64)])
    func source(to destination: [UInt8]) -> [UInt8]? {
      station.output(IP6.packet(59, [1], from: IP6.unspecified, to: destination))
      // A neighbour, or somebody who is asked for in the name of the packet.
      guard let packet = station.sent().first else { return nil }
      return Array(packet[8..<24])
    }
    #expect(source(to: IP6.globalA) == Station.global)
    #expect(source(to: Self.far) == site, "the longest prefix")
    #expect(source(to: Array(other[..<15]) + [1]) == other)
    #expect(source(to: IP6.linkA) == Station.linkLocal, "the scope")
    #expect(source(to: IP6.allNodes) == Station.linkLocal)
    let global = source(to: IP6.group)
    #expect(global == Station.global || global == site, "of a wider scope, and of its kind")
  }

  /// RFC 6724, section 5, rule 6: before the longest prefix it is the kind that counts.
  @Test func theSourceIsOfTheDestinationsKind() throws {
    func address(_ words: Int...) -> [UInt8] {
      let bytes = words.flatMap { IP6.be16($0) }
      return bytes + [UInt8](repeating: 0, count: 15 - bytes.count) + [0x99]
    }
    let (tunnelled, plain, local) = (address(0x2002, 0xc000, 0x0204), address(0x3000), address(0xfd00, 1))
    let station = try Station(plugins: ["ip6", "route"], addresses: [(tunnelled, 48), (plain, 64), (local, 64)])
    station.settle()
    let system = Int(station.interface.pointee.if_sysindex)
    station.harness.input(
      NETISR_ROUTE,
      RouteMessages().route(family: 10, [UInt8](repeating: 0, count: 16), prefix: 0, interface: system, metric: 1024))
    func source(to destination: [UInt8]) -> [UInt8]? {
      station.output(IP6.packet(59, [1], from: IP6.unspecified, to: destination))
      return station.sent().first.map { Array($0[8..<24]) }
    }
    #expect(source(to: address(0x2003)) == plain, "though 15 bits are as in the other")
    #expect(source(to: address(0x2002, 1)) == tunnelled)
    #expect(source(to: address(0xfc00)) == local)
    #expect(source(to: address(0x2001, 0xdb8, 9)) == plain)
  }

  @Test func whatHasNoWayIsDropped() throws {
    let station = try Self.settled()
    station.output(IP6.packet(59, [1], from: Station.global, to: Self.far))
    #expect(station.harness.counter("ip6.noroute") == 1)
    station.output(IP6.packet(59, [1], from: Station.global, to: IP6.unspecified))
    station.output(IP6.packet(59, [1], from: IP6.group, to: IP6.globalA))
    station.output(Array(IP6.packet(59, [1])[..<30]))
    station.output(IP6.packet(59, [1], from: Station.global, to: IP6.globalA, version: 4))
    #expect(station.harness.counter("ip6.odropped") == 4)
    let silent = try Station(detecting: true)
    silent.noteChange()
    silent.output(IP6.packet(59, [1], from: IP6.unspecified, to: IP6.globalA))
    #expect(silent.harness.counter("ip6.odropped") == 1, "no address to send from")
    #expect(station.sent().isEmpty && station.harness.mbufsInFlight == 0)
  }

  /// Puts fragments together that belong to one datagram, as the headers say.
  private static func join(_ fragments: [[UInt8]], headers: Int = 40) throws -> [UInt8] {
    var data: [Int: [UInt8]] = [:]
    var ids: Set<[UInt8]> = []
    var end: Int?
    for fragment in fragments {
      #expect(fragment.count == 40 + Int(fragment[4]) << 8 + Int(fragment[5]))
      let header = Array(fragment[headers..<headers + 8])
      let field = Int(header[2]) << 8 | Int(header[3])
      let piece = Array(fragment[(headers + 8)...])
      data[field & ~7] = piece
      ids.insert(Array(header[4...]))
      if field & 1 == 0 { end = (field & ~7) + piece.count } else { #expect(piece.count % 8 == 0) }
    }
    #expect(ids.count == 1)
    var whole: [UInt8] = []
    while let piece = data[whole.count] { whole += piece }
    #expect(whole.count == end)
    return whole
  }

  @Test func whatIsTooLongIsCut() throws {
    let station = try Self.settled()
    for count in [1461, 3000, 65_535 - 8] {
      let payload = [1, 2, 3, 4, 5, 6, 7, 8] + (0..<count).map { UInt8(truncatingIfNeeded: $0 &* 7) }
      station.output(IP6.packet(200, payload, from: Station.global, to: IP6.globalA), split: [20, 40, 1000])
      let fragments = station.sent()
      #expect(fragments.count == (payload.count + 1447) / 1448)
      #expect(fragments.allSatisfy { $0.count <= 1500 && $0[6] == 44 && $0[40] == 200 })
      #expect(try Self.join(fragments) == payload)
    }
    #expect(station.harness.counter("ip6.fragmented") == 3 && station.harness.mbufsInFlight == 0)
    // Headers for who is on the way come first in each; what is longer than all can be is no datagram.
    let options = IP6.options(200, [5, 2, 0, 0])
    let payload = [UInt8](repeating: 7, count: 2000)
    station.output(IP6.packet(0, options + payload, from: Station.global, to: IP6.globalA))
    let fragments = station.sent()
    #expect(fragments.count == 2 && fragments.allSatisfy { Array($0[41..<48]) == Array(options[1...]) && $0[40] == 44 })
    #expect(try Self.join(fragments, headers: 48) == payload)
    station.output(
      IP6.packet(200, [UInt8](repeating: 7, count: 65_536), from: Station.global, to: IP6.globalA, length: 0))
    #expect(station.harness.counter("ip6.odropped") == 1)
    let long = IP6.options(200, [UInt8](repeating: 0, count: 150))
    station.output(IP6.packet(0, long + payload, from: Station.global, to: IP6.globalA))
    #expect(station.harness.counter("ip6.cantfrag") == 1 && station.sent().isEmpty)
  }

  private static func tooBig(_ mtu: Int, about packet: [UInt8], to destination: [UInt8] = Station.global) -> [UInt8] {
    IP6.icmp6Packet(2, IP6.be32(mtu) + packet.prefix(1200), from: IP6.globalB, to: destination)
  }

  @Test func aNarrowWayIsRemembered() throws {
    let station = try Self.settled()
    let packet = IP6.packet(59, [UInt8](repeating: 1, count: 1400), from: Station.global, to: IP6.globalA)
    station.output(packet)
    #expect(station.sent() == [packet])
    // Lies: less than every link takes, and about what this host has not sent.
    station.input(Self.tooBig(600, about: packet))
    station.input(Self.tooBig(1300, about: IP6.packet(59, [1], from: IP6.globalB, to: IP6.globalA)))
    station.output(packet)
    #expect(station.sent() == [packet] && station.harness.counter("icmp6.pmtuchg") == 0)
    station.input(Self.tooBig(1300, about: packet))
    station.output(packet)
    #expect(station.sent().map(\.count) == [1296, 200])
    station.input(Self.tooBig(1400, about: packet))
    station.output(packet)
    #expect(station.sent().map(\.count) == [1296, 200], "a message can't make it wider")
    #expect(station.harness.counter("icmp6.pmtuchg") == 1 && station.harness.counter("icmp6.toobig") == 4)
    // Ten minutes later a longer one is tried.
    station.harness.pass(601 * Self.second, step: Self.second)
    station.meet(IP6.globalA, at: ICMP6Tests.mac)
    station.output(packet)
    #expect(station.sent() == [packet])
  }

  @Test func whatThisHostSaysToItselfComesBack() throws {
    let station = try Self.settled()
    station.output(
      IP6.packet(
        58, IP6.icmp6(128, [0, 1, 0, 2], from: Station.global, to: Station.linkLocal), from: Station.global,
        to: Station.linkLocal))
    station.harness.drain()
    #expect(station.harness.counter("icmp6.echo") == 1 && station.harness.counter("icmp6.echoreply") == 1)
    // A group of which it is one goes both ways.
    let packet = IP6.icmp6Packet(128, [0, 1, 0, 2], from: Station.global, to: IP6.allNodes)
    station.output(packet)
    station.harness.drain()
    #expect(station.sent() == [packet])
    #expect(station.harness.counter("icmp6.echo") == 2 && station.harness.counter("icmp6.echoreply") == 2)
  }

  @Test func anotherRouterIsBetter() throws {
    let station = try Self.settled()
    let router: [UInt8] = IP6.linkB
    station.input(
      IP6.icmp6Packet(
        134, [64, 0, 0, 30] + ICMP6Tests.zero + ICMP6Tests.zero + ICMP6Tests.link(1, ICMP6Tests.otherMAC), from: router,
        to: IP6.allNodes))
    let packet = IP6.packet(59, [1], from: Station.global, to: Self.far)
    station.output(packet)
    #expect(station.recorder.take() == [Station.frame(packet, to: ICMP6Tests.otherMAC)])
    func redirect(from source: [UInt8]) -> [UInt8] {
      IP6.icmp6Packet(
        137, ICMP6Tests.zero + IP6.linkA + Self.far + ICMP6Tests.link(2), from: source, to: Station.global)
    }
    // Only by who is the first hop now.
    station.input(redirect(from: IP6.linkA))
    station.output(packet)
    #expect(station.recorder.take() == [Station.frame(packet, to: ICMP6Tests.otherMAC)])
    station.set("icmp6.rediraccept", 0)
    station.input(redirect(from: router))
    station.output(packet)
    #expect(station.recorder.take() == [Station.frame(packet, to: ICMP6Tests.otherMAC)])
    station.set("icmp6.rediraccept", 1)
    station.input(redirect(from: router))
    station.output(packet)
    #expect(station.recorder.take() == [Station.frame(packet, to: ICMP6Tests.mac)])
  }
}
