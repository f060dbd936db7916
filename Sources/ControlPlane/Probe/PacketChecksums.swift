import CNetISR

/// Makes checksums of changed packets right again, so that what a handler does behind its checks is reached as well.
package enum PacketChecksums {
  /// Those of a packet for a protocol, as far as its lengths say where they are; none for protocols that have none.
  package static func mend(_ packet: inout [UInt8], of proto: UInt32) {
    switch Int32(proto) {
    case NETISR_IP, NETISR_IGMP: mendIPv4(&packet, at: 0)
    case NETISR_IPV6: mendIPv6(&packet, at: 0)
    case NETISR_ETHER, NETISR_EPAIR:
      guard packet.count > 14 else { return }
      switch (packet[12], packet[13]) {
      case (0x08, 0x00): mendIPv4(&packet, at: 14)
      case (0x86, 0xdd): mendIPv6(&packet, at: 14)
      default: return
      }
    case NETISR_NATM:
      guard packet.count >= 13, packet[0] == UInt8(ATM_FORM_CELL) else { return }
      packet.replaceSubrange(8..<13, with: withHEC(Array(packet[8..<12])))
    default: return
    }
  }

  /// The header's, and that of ICMP or IGMP behind it, unless it is a fragment.
  private static func mendIPv4(_ packet: inout [UInt8], at start: Int) {
    guard packet.count >= start + 20 else { return }
    let header = Int(packet[start] & 0xf) * 4
    let end = min(packet.count, start + Int(packet[start + 2]) << 8 + Int(packet[start + 3]))
    guard header >= 20, packet.count >= start + header else { return }
    let isFragment = packet[start + 6] & 0x3f != 0 || packet[start + 7] != 0
    let message = start + header
    if !isFragment, [1, 2].contains(packet[start + 9]), end >= message + 4 {
      put(0, into: &packet, at: message + 2)
      put(~sum(packet[message..<end]), into: &packet, at: message + 2)
    }
    put(0, into: &packet, at: start + 10)
    put(~sum(packet[start..<message]), into: &packet, at: start + 10)
  }

  /// That of ICMPv6, at once or behind one extension header.
  private static func mendIPv6(_ packet: inout [UInt8], at start: Int) {
    guard packet.count >= start + 40 else { return }
    let end = min(packet.count, start + 40 + Int(packet[start + 4]) << 8 + Int(packet[start + 5]))
    var (next, message) = (packet[start + 6], start + 40)
    if [0, 43, 60].contains(next), packet.count >= message + 8 {
      (next, message) = (packet[message], message + 8 + Int(packet[message + 1]) * 8)
    }
    guard next == 58, end >= message + 4 else { return }
    put(0, into: &packet, at: message + 2)
    let length = end - message
    let pseudo = packet[start + 8..<start + 40] + MadePackets.big32(length) + [0, 0, 0, 58]
    put(~sum(pseudo + packet[message..<end]), into: &packet, at: message + 2)
  }

  private static func put(_ value: UInt16, into packet: inout [UInt8], at offset: Int) {
    packet[offset] = UInt8(value >> 8)
    packet[offset + 1] = UInt8(value & 0xff)
  }

  /// The ones' complement sum (RFC 1071).
  private static func sum(_ bytes: ArraySlice<UInt8>) -> UInt16 {
    var sum: UInt32 = 0
    for (index, byte) in bytes.enumerated() { sum += UInt32(byte) << (index % 2 == 0 ? 8 : 0) }
    while sum > 0xffff { sum = sum >> 16 + sum & 0xffff }
    return UInt16(sum)
  }

  /// AAL5's (I.363.5, 9.2.1.2).
  static func crc32(_ bytes: [UInt8]) -> UInt32 {
    var crc: UInt32 = 0xffff_ffff
    for byte in bytes {
      crc ^= UInt32(byte) << 24
      for _ in 0..<8 { crc = crc << 1 ^ (crc & 0x8000_0000 != 0 ? 0x04c1_1db7 : 0) }
    }
    return ~crc
  }

  /// Four bytes of a cell's header, and its HEC (I.432.1, 4.3.2).
  static func withHEC(_ header: [UInt8]) -> [UInt8] {
    var crc: UInt8 = 0
    for byte in header {
      crc ^= byte
      for _ in 0..<8 { crc = crc << 1 ^ (crc & 0x80 != 0 ? 0x07 : 0) }
    }
    return header + [crc ^ 0x55]
  }
}
