import CNetISR
import NetISR
import TestSupport
import Testing

/// A host that routers tell of their link (RFC 4861, section 6.3; RFC 4862, section 5.5).
@Suite struct IP6AdvertisedTests {
  private typealias Station = IP6Station
  private static let second = IP6Station.second
  private static let network: [UInt8] = [0x20, 1, 0x0d, 0xb8, 0, 0x77, 0, 0]
  /// What the host makes of it.
  private static let made: [UInt8] = network + Station.linkLocal[8...]
  private static let far: [UInt8] = [0x20, 9] + [UInt8](repeating: 3, count: 14)

  private static func prefix(
    _ network: [UInt8] = network, length: UInt8 = 64, flags: UInt8 = 0xc0, valid: Int = 10_000, preferred: Int = 5000
  ) -> [UInt8] {
    [3, 4, length, flags] + IP6.be32(valid) + IP6.be32(preferred) + IP6.be32(0) + network
      + [UInt8](repeating: 0, count: 16 - network.count)
  }

  private static func advertisement(
    lifetime: Int = 1800, hopLimit: UInt8 = 0, preference: UInt8 = 0, _ options: [UInt8] = prefix(),
    from router: [UInt8] = IP6.linkB, at link: [UInt8] = ICMP6Tests.otherMAC
  ) -> [UInt8] {
    IP6.icmp6Packet(
      134,
      [hopLimit, preference << 3] + IP6.be16(lifetime) + ICMP6Tests.zero + ICMP6Tests.zero + [1, 1] + link + options,
      from: router, to: IP6.allNodes)
  }

  private static func settled() throws -> Station {
    let station = try Station(addresses: [])
    station.settle()
    return station
  }

  private static func packet(_ count: Int = 10, to destination: [UInt8] = far) -> [UInt8] {
    IP6.packet(59, [UInt8](repeating: 1, count: count), from: IP6.unspecified, to: destination, hopLimit: 0)
  }

  private static func solicitations(_ station: Station) -> [[UInt8]] {
    station.sent().filter { $0[6] == 58 && $0[40] == 133 }
  }

  @Test func routersAreAskedFor() throws {
    let station = try Station(addresses: [])
    station.noteChange()
    var times: [Int] = []
    for tick in 0..<200 {
      station.pass(Station.tick)
      for question in Self.solicitations(station) {
        times.append(tick)
        #expect(
          question
            == IP6.icmp6Packet(
              133, ICMP6Tests.zero + [1, 1] + Station.own, from: Station.linkLocal,
              to: [0xff, 2] + [UInt8](repeating: 0, count: 13) + [2]))
      }
    }
    #expect(times.count == 3 && times.first ?? 99 <= 10)
    #expect(zip(times, times.dropFirst()).allSatisfy { $1 - $0 == 40 })
    // One that answers is enough.
    let other = try Station(addresses: [])
    other.noteChange()
    other.pass(2 * Self.second)
    #expect(Self.solicitations(other).count == 1)
    other.input(Self.advertisement())
    other.pass(20 * Self.second)
    #expect(Self.solicitations(other).isEmpty)
    // Nobody asks who would not listen.
    for (setting, value) in [("ip6.accept_rtadv", 0), ("ip6.forwarding", 1)] as [(String, Int64)] {
      let deaf = try Station(addresses: [])
      deaf.set(setting, value)
      deaf.noteChange()
      deaf.pass(5 * Self.second)
      #expect(Self.solicitations(deaf).isEmpty)
      deaf.input(Self.advertisement())
      #expect(deaf.harness.tableCount("ip6.routers") == 0 && deaf.addressState(Self.made) == nil)
    }
  }

  @Test func anAddressIsMadeOfAPrefix() throws {
    let station = try Self.settled()
    station.input(Self.advertisement())
    #expect(station.addressState(Self.made) == 2)
    station.input(IP6.icmp6Packet(128, [0, 1, 0, 2], from: IP6.linkB, to: Self.made))
    #expect(station.harness.counter("icmp6.reflect") == 1)
    // It is looked for first, where that is asked for, with its group joined.
    let careful = try Station(detecting: true, addresses: [])
    careful.settle()
    careful.input(Self.advertisement())
    #expect(careful.addressState(Self.made) == 1)
    careful.pass(3 * Self.second)
    #expect(careful.addressState(Self.made) == 2)
    #expect(careful.sent().contains { $0[6] == 58 && $0[40] == 135 && Array($0[48..<64]) == Self.made })
    // Prefixes of which none is made.
    for (name, option) in [
      ("not to be", Self.prefix(flags: 0x80)), ("of another length", Self.prefix(length: 56)),
      ("preferred longer than valid", Self.prefix(valid: 10, preferred: 20)),
      ("link-local", Self.prefix([0xfe, 0x80])), ("already over", Self.prefix(valid: 0, preferred: 0)),
    ] {
      let station = try Self.settled()
      station.input(Self.advertisement(option))
      #expect(station.harness.tableCount("ip6.addresses") == 1, "\(name)")
    }
    // There is an end to it.
    for number in 0..<40 {
      station.input(Self.advertisement(Self.prefix([0x20, 1, 0x0d, 0xb8, 1, UInt8(number), 0, 0])))
    }
    #expect(station.harness.tableCount("ip6.addresses") == 17)
  }

  /// Seconds for which an address is still valid.
  private static func valid(_ station: Station) -> UInt32? {
    station.entry("addresses", made).map {
      $0.withUnsafeBytes { $0.loadUnaligned(fromByteOffset: 12, as: UInt32.self) }
    }
  }

  @Test func lifetimesRun() throws {
    let station = try Self.settled()
    station.input(Self.advertisement(lifetime: 30, Self.prefix(valid: 100, preferred: 10)))
    #expect(Self.valid(station) == 100 && station.harness.tableCount("ip6.prefixes") == 1)
    station.harness.pass(11 * Self.second, step: Self.second)
    #expect(station.addressState(Self.made) == 3, "deprecated: it still answers")
    station.input(IP6.icmp6Packet(128, [0, 1, 0, 2], from: IP6.linkB, to: Self.made))
    #expect(station.harness.counter("icmp6.reflect") == 1)
    // Told again, it is as new.
    station.input(Self.advertisement(lifetime: 30, Self.prefix(valid: 100, preferred: 10)))
    #expect(station.addressState(Self.made) == 2 && Self.valid(station) == 100)
    station.harness.pass(31 * Self.second, step: Self.second)
    #expect(station.harness.tableCount("ip6.routers") == 0)
    station.harness.pass(70 * Self.second, step: Self.second)
    #expect(station.addressState(Self.made) == nil && station.harness.tableCount("ip6.prefixes") == 0)
    // And the group with it, but for the one that the link-local address has, too.
    #expect(station.harness.tableCount("ip6.groups") == 2)
  }

  @Test func nobodyCutsALifeShort() throws {
    let station = try Self.settled()
    station.input(Self.advertisement(Self.prefix(valid: 100_000)))
    station.input(Self.advertisement(Self.prefix(valid: 10, preferred: 10)))
    #expect(Self.valid(station) == 7200, "two hours at least")
    station.input(Self.advertisement(Self.prefix(valid: 10, preferred: 10)))
    #expect(Self.valid(station) == 7200)
    station.input(Self.advertisement(Self.prefix(valid: 7300)))
    #expect(Self.valid(station) == 7300)
    station.input(Self.advertisement(Self.prefix(valid: 100, preferred: 50)))
    #expect(Self.valid(station) == 7200)
  }

  @Test func aRouterTakesWhatHasNoOtherWay() throws {
    let station = try Self.settled()
    station.output(Self.packet())
    #expect(station.harness.counter("ip6.noroute") == 1)
    station.input(Self.advertisement(hopLimit: 99))
    station.output(Self.packet())
    var expected = IP6.packet(59, [UInt8](repeating: 1, count: 10), from: Self.made, to: Self.far, hopLimit: 99)
    #expect(station.recorder.take() == [Station.frame(expected, to: ICMP6Tests.otherMAC)])
    // A more preferred one, until it resigns.
    station.input(Self.advertisement(preference: 1, from: IP6.linkA, at: ICMP6Tests.mac))
    station.output(Self.packet())
    #expect(station.recorder.take() == [Station.frame(expected, to: ICMP6Tests.mac)])
    station.input(Self.advertisement(lifetime: 0, from: IP6.linkA, at: ICMP6Tests.mac))
    station.output(Self.packet())
    #expect(station.recorder.take() == [Station.frame(expected, to: ICMP6Tests.otherMAC)])
    // One that says as a neighbour that it is no router is none (RFC 4861, section 7.3.3).
    station.input(
      IP6.icmp6Packet(
        136, [0x20, 0, 0, 0] + IP6.linkB + ICMP6Tests.link(2, ICMP6Tests.otherMAC), from: IP6.linkB, to: IP6.allNodes))
    station.output(Self.packet())
    #expect(station.sent().isEmpty && station.harness.counter("ip6.noroute") == 2)
    // What is on the link needs none.
    expected = IP6.packet(59, [1], from: Self.made, to: Array(Self.made[..<15]) + [1], hopLimit: 99)
    station.output(IP6.packet(59, [1], from: IP6.unspecified, to: Array(Self.made[..<15]) + [1], hopLimit: 0))
    #expect(station.sent().first.map { Array($0[24..<40]) } == Station.solicitedNode(Array(Self.made[..<15]) + [1]))
  }

  @Test func theLinkMayBeNarrower() throws {
    let station = try Self.settled()
    station.input(Self.advertisement([5, 1, 0, 0] + IP6.be32(1000) + Self.prefix()))
    station.output(Self.packet(1400))
    #expect(station.sent().map(\.count) == [1440], "less than every link takes")
    station.input(Self.advertisement([5, 1, 0, 0] + IP6.be32(1300)))
    station.output(Self.packet(1400))
    #expect(station.sent().count == 2)
    station.input(Self.advertisement([5, 1, 0, 0] + IP6.be32(9000)))
    station.output(Self.packet(1400))
    #expect(station.sent().count == 2, "more than the device takes")
  }
}
