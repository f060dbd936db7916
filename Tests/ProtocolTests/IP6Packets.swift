import CNetISR
import TestSupport

/// IPv6 packets, put together from literal parts.
enum IP6 {
  // fe80::1, fe80::2, 2001:db8::1, 2001:db8::2, ff02::1, ff02::16, ff02::1:ff00:2, ff15::99.
  static let linkA: [UInt8] = [0xfe, 0x80, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1]
  static let linkB: [UInt8] = [0xfe, 0x80, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2]
  static let globalA: [UInt8] = [0x20, 0x01, 0x0d, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1]
  static let globalB: [UInt8] = [0x20, 0x01, 0x0d, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2]
  static let unspecified = [UInt8](repeating: 0, count: 16)
  static let allNodes: [UInt8] = [0xff, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1]
  static let allReports: [UInt8] = [0xff, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x16]
  static let solicitedB: [UInt8] = [0xff, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0xff, 0, 0, 2]
  static let group: [UInt8] = [0xff, 0x15, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x99]

  /// A router alert for MLD, and padding: the options of a hop-by-hop header of 8 bytes.
  static let routerAlert: [UInt8] = [5, 2, 0, 0, 1, 0]

  static func packet(
    _ next: UInt8, _ payload: [UInt8], from source: [UInt8] = globalA, to destination: [UInt8] = globalB,
    hopLimit: UInt8 = 64, length: Int? = nil, version: UInt8 = 6
  ) -> [UInt8] {
    [version << 4, 0, 0, 0] + be16(length ?? payload.count) + [next, hopLimit] + source + destination + payload
  }

  /// An extension header in units of 8 bytes: next header, length, `body` padded with PadN or Pad1.
  static func options(_ next: UInt8, _ body: [UInt8]) -> [UInt8] {
    var bytes = [next, 0] + body
    let missing = (8 - bytes.count % 8) % 8
    if missing == 1 { bytes += [0] }
    if missing > 1 { bytes += [1, UInt8(missing - 2)] + [UInt8](repeating: 0, count: missing - 2) }
    bytes[1] = UInt8(bytes.count / 8 - 1)
    return bytes
  }

  static func routing(_ next: UInt8, type: UInt8, segmentsLeft: UInt8, addresses: Int = 1) -> [UInt8] {
    [next, UInt8(addresses * 2), type, segmentsLeft, 0, 0, 0, 0] + [UInt8](repeating: 0x20, count: addresses * 16)
  }

  static func fragment(_ next: UInt8, _ offset: Int, more: Bool, id: UInt32 = 7, _ data: [UInt8]) -> [UInt8] {
    [next, 0] + be16(offset | (more ? 1 : 0)) + be16(Int(id >> 16)) + be16(Int(id & 0xffff)) + data
  }

  /// A fragment in its packet.
  static func fragmentPacket(
    _ next: UInt8, _ offset: Int, more: Bool, id: UInt32 = 7, _ data: [UInt8], from source: [UInt8] = globalA,
    to destination: [UInt8] = globalB
  ) -> [UInt8] {
    packet(44, fragment(next, offset, more: more, id: id, data), from: source, to: destination)
  }

  /// An ICMPv6 message with its checksum.
  static func icmp6(
    _ type: UInt8, _ body: [UInt8], code: UInt8 = 0, from source: [UInt8] = globalA, to destination: [UInt8] = globalB
  ) -> [UInt8] {
    var message = [type, code, 0, 0] + body
    let sum = checksum(source + destination + be16(0) + be16(message.count) + [0, 0, 0, 58] + message)
    message[2] = UInt8(sum >> 8)
    message[3] = UInt8(sum & 0xff)
    return message
  }

  /// An ICMPv6 message in its packet.
  static func icmp6Packet(
    _ type: UInt8, _ body: [UInt8], code: UInt8 = 0, from source: [UInt8] = globalA,
    to destination: [UInt8] = globalB, hopLimit: UInt8 = 255
  ) -> [UInt8] {
    packet(
      58, icmp6(type, body, code: code, from: source, to: destination), from: source, to: destination,
      hopLimit: hopLimit)
  }

  /// An MLD message as it should be: behind a router alert, with hop limit 1.
  static func listener(
    _ type: UInt8, _ body: [UInt8], from source: [UInt8] = linkA, to destination: [UInt8] = allReports,
    hopLimit: UInt8 = 1, alert: [UInt8] = routerAlert
  ) -> [UInt8] {
    packet(
      0, options(58, alert) + icmp6(type, body, from: source, to: destination), from: source, to: destination,
      hopLimit: hopLimit)
  }

  /// A group record of an MLDv2 report.
  static func record(_ type: UInt8, _ group: [UInt8], _ sources: [[UInt8]] = [], auxiliary: [UInt8] = []) -> [UInt8] {
    [type, UInt8(auxiliary.count / 4)] + be16(sources.count) + group + sources.flatMap { $0 } + auxiliary
  }

  static func report(_ records: [[UInt8]]) -> [UInt8] { be16(0) + be16(records.count) + records.flatMap { $0 } }

  static func echo(_ data: [UInt8] = Array("ping".utf8)) -> [UInt8] { icmp6(128, [0, 1, 0, 2] + data) }

  static func be16(_ value: Int) -> [UInt8] { [UInt8(value >> 8 & 0xff), UInt8(value & 0xff)] }
  static func be32(_ value: Int) -> [UInt8] { be16(value >> 16 & 0xffff) + be16(value & 0xffff) }

  static func checksum(_ bytes: [UInt8]) -> UInt16 {
    var sum = 0
    for (index, byte) in bytes.enumerated() { sum += index % 2 == 0 ? Int(byte) << 8 : Int(byte) }
    while sum > 0xffff { sum = sum >> 16 + sum & 0xffff }
    return ~UInt16(sum)
  }
}

extension Harness {
  /// What the counters of ip6 and icmp6 say, those that are not 0.
  var ip6Counters: [String: UInt64] {
    let ip6 = counters("ip6").map { ("ip6.\($0.key)", $0.value) }
    let icmp6 = counters("icmp6").map { ("icmp6.\($0.key)", $0.value) }
    return Dictionary(uniqueKeysWithValues: ip6 + icmp6)
  }
}

/// What one packet counts in a fresh plugin.
func ip6Counts(_ packet: [UInt8], split: [Int] = [], wireLength: Int? = nil) throws -> [String: UInt64] {
  let harness = try Harness(plugins: ["ip6"])
  harness.input(NETISR_IPV6, packet, split: split, wireLength: wireLength)
  return harness.ip6Counters
}
