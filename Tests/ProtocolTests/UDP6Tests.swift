import CNetISR
import NetISR
import TestSupport
import Testing

/// UDP over IPv6, and who claims it.
@Suite struct UDP6Tests {
  private typealias Station = IP6Station

  /// A datagram with its checksum.
  static func packet(
    port: Int = 7, _ data: [UInt8] = Array("hello".utf8), from source: [UInt8] = IP6.globalA, to destination: [UInt8],
    length: Int? = nil, checksum: Int? = nil
  ) -> [UInt8] {
    let head = IP6.be16(4000) + IP6.be16(port) + IP6.be16(length ?? data.count + 8)
    let size = length ?? data.count + 8
    let covered = Array((head + [0, 0] + data).prefix(max(size, 8)))
    let sum = Int(IP6.checksum(source + destination + IP6.be32(size) + [0, 0, 0, 17] + covered))
    return IP6.packet(17, head + IP6.be16(checksum ?? (sum == 0 ? 0xffff : sum)) + data, from: source, to: destination)
  }

  /// Somebody says that what arrives for a protocol (kind 1) or a port (kind 2) is for a netisr protocol number.
  private static func claim(_ kind: UInt32, _ number: UInt32, for proto: UInt32, of station: Station) throws {
    let engine = station.harness.engine
    let claimant = PluginIdentity(name: "test", stateVersion: 1)
    try engine.withAttachedThread {
      var table: OpaquePointer?
      let error = "shared.claims".withCString { name in
        engine.withRegistration(of: claimant) {
          var spec = table_spec()
          spec.ts_name = name
          spec.ts_kind = UInt32(TABLE_HASH)
          (spec.ts_keysize, spec.ts_valuesize, spec.ts_maxentries) = (8, 4, 4096)
          return table_open(&spec, &table)
        }
      }
      try #require(error == 0)
      _ = engine.commitRegistration(claimant)
      var (key, value) = ([kind, number], proto)
      try #require(table_insert(table, 0, &key, &value) == 0)
    }
  }

  @Test func portsAreClaimed() throws {
    let station = try Station()
    station.settle()
    try Self.claim(2, 7, for: UInt32(NETISR_IP), of: station)
    let datagram = Self.packet(to: Station.global)
    station.input(datagram, split: [41, 5])
    #expect(station.harness.delivered(to: NETISR_IP).map(\.bytes) == [datagram])
    station.input(Self.packet(port: 9, to: Station.global))
    #expect(station.harness.counters("udp6") == ["total": 2, "delivered": 1, "noport": 1])
    // All of UDP, but for the port.
    try Self.claim(1, 17, for: UInt32(NETISR_IGMP), of: station)
    let other = Self.packet(port: 9, to: Station.global)
    station.input(other)
    station.input(datagram)
    #expect(station.harness.delivered(to: NETISR_IGMP).map(\.bytes) == [other])
    #expect(station.harness.delivered(to: NETISR_IP).count == 2)
    // A claim of nobody.
    try Self.claim(2, 7, for: 15, of: station)
    try Self.claim(1, 17, for: 15, of: station)
    station.input(datagram)
    #expect(station.harness.counter("udp6.noport") == 2)
  }

  @Test func protocolsAreClaimed() throws {
    let station = try Station()
    station.settle()
    try Self.claim(1, 253, for: UInt32(NETISR_IP), of: station)
    let packet = IP6.packet(60, IP6.options(253, []) + [1, 2, 3], to: Station.global)
    station.input(packet)
    #expect(station.harness.delivered(to: NETISR_IP).map(\.bytes) == [packet])
    #expect(station.harness.counter("ip6.claimed") == 1 && station.harness.counter("ip6.noproto") == 0)
  }

  @Test func wrongDatagramsGoNowhere() throws {
    let station = try Station()
    station.settle()
    try Self.claim(2, 7, for: UInt32(NETISR_IP), of: station)
    station.input(Self.packet(to: Station.global, checksum: 0))
    station.input(Self.packet(to: Station.global, checksum: 0x1234))
    #expect(station.harness.counter("udp6.badsum") == 2)
    station.input(Self.packet(to: Station.global, length: 14))
    station.input(Self.packet(to: Station.global, length: 7))
    station.input(Self.packet(to: Station.global, length: 0))
    station.input(IP6.packet(17, [0, 1, 0, 7], to: Station.global))
    #expect(station.harness.counter("udp6.tooshort") == 4)
    #expect(station.harness.delivered(to: NETISR_IP).isEmpty)
    // What is behind it, by its own length, is not summed.
    station.input(Self.packet(to: Station.global, length: 12))
    #expect(station.harness.delivered(to: NETISR_IP).count == 1)
  }
}
