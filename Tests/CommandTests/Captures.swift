import Foundation

/// Captures made by hand: the classic form, little endian, microseconds.
enum Captures {
  /// A file's bytes.
  static func pcap(linkType: UInt32 = 1, _ frames: [[UInt8]]) -> [UInt8] {
    var bytes = little(0xa1b2_c3d4) + [2, 0, 4, 0] + little(0) + little(0) + little(65535) + little(linkType)
    for (index, frame) in frames.enumerated() {
      bytes += little(1_700_000_000) + little(UInt32(index)) + little(UInt32(frame.count)) + little(UInt32(frame.count))
      bytes += frame
    }
    return bytes
  }

  /// An ARP request and its reply, an ICMP echo request and its reply.
  static let pingWithARP = [arp(1), arp(2), icmp(8), icmp(0)]

  /// Ethernet and ARP (RFC 826): who has 192.0.2.2, and the answer.
  static func arp(_ operation: UInt8) -> [UInt8] {
    let (a, b) = operation == 1 ? (1, 2) : (2, 1)
    let target = operation == 1 ? [UInt8](repeating: 0, count: 6) : station(UInt8(b))
    return ethernet(from: UInt8(a), to: operation == 1 ? nil : UInt8(b), type: 0x0806)
      + [0, 1, 8, 0, 6, 4, 0, operation] + station(UInt8(a)) + [192, 0, 2, UInt8(a)] + target + [192, 0, 2, UInt8(b)]
  }

  /// Ethernet, IPv4 (RFC 791) and an ICMP echo message (RFC 792), with right checksums.
  static func icmp(_ type: UInt8) -> [UInt8] {
    let (a, b): (UInt8, UInt8) = type == 8 ? (1, 2) : (2, 1)
    let message = withChecksum([type, 0, 0, 0, 0x12, 0x34, 0, 1] + Array(0..<32), at: 2)
    let length = UInt8(20 + message.count)
    let header = withChecksum([0x45, 0, 0, length, 0, 1, 0, 0, 64, 1, 0, 0, 192, 0, 2, a, 192, 0, 2, b], at: 10)
    return ethernet(from: a, to: b, type: 0x0800) + header + message
  }

  /// Eight bytes of a UDP datagram of station `source`, from byte `offset` on.
  static func fragment(_ source: UInt8, id: UInt16, at offset: Int, isLast: Bool) -> [UInt8] {
    let place = UInt16(offset / 8) | (isLast ? 0 : 0x2000)
    let header = withChecksum(
      [0x45, 0, 0, 28, UInt8(id >> 8), UInt8(id & 0xff), UInt8(place >> 8), UInt8(place & 0xff), 64, 17, 0, 0]
        + [192, 0, 2, source, 192, 0, 2, 200], at: 10)
    return ethernet(from: source, to: 200, type: 0x0800) + header + [UInt8](repeating: source, count: 8)
  }

  private static func station(_ number: UInt8) -> [UInt8] { [2, 0, 0, 0, 0, number] }

  private static func ethernet(from: UInt8, to: UInt8?, type: UInt16) -> [UInt8] {
    (to.map(station) ?? [UInt8](repeating: 0xff, count: 6)) + station(from) + [UInt8(type >> 8), UInt8(type & 0xff)]
  }

  /// The Internet checksum (RFC 1071) over an even number of bytes.
  private static func withChecksum(_ bytes: [UInt8], at offset: Int) -> [UInt8] {
    var sum: UInt32 = 0
    for index in stride(from: 0, to: bytes.count, by: 2) {
      sum += UInt32(bytes[index]) << 8 | UInt32(bytes[index + 1])
    }
    while sum > 0xffff { sum = (sum & 0xffff) + (sum >> 16) }
    var bytes = bytes
    bytes[offset] = UInt8(~sum >> 8 & 0xff)
    bytes[offset + 1] = UInt8(~sum & 0xff)
    return bytes
  }

  private static func little(_ value: UInt32) -> [UInt8] {
    withUnsafeBytes(of: value.littleEndian) { Array($0) }
  }
}
