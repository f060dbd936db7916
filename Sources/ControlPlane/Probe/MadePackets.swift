import CNetISR

/// Packets made by hand for each protocol: good ones, of each kind that its handler tells apart.
package enum MadePackets {
  /// The addresses of the station, and of somebody on its link.
  static let own4: [UInt8] = [192, 0, 2, 1]
  static let other4: [UInt8] = [192, 0, 2, 7]
  static let own6: [UInt8] = [0x20, 1, 0x0d, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1]
  static let other6: [UInt8] = [0x20, 1, 0x0d, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 7]

  /// Good packets for a protocol number; those of all kinds for a number that is free for anybody.
  package static func packets(for proto: UInt32) -> [[UInt8]] {
    switch Int32(proto) {
    case NETISR_IP, NETISR_IP_DIRECT: ipv4
    case NETISR_IGMP: igmp
    case NETISR_ROUTE: netlink
    case NETISR_ARP: arp
    case NETISR_ETHER, NETISR_EPAIR: ethernet
    case NETISR_IPV6, NETISR_IPV6_DIRECT: ipv6
    case NETISR_NATM: atm
    default: ipv4 + ipv6 + [pattern(1), pattern(64), pattern(1500)]
    }
  }

  // MARK: IPv4 (RFC 791, 792, 768, 3376)

  private static var ipv4: [[UInt8]] {
    let datagram = udp(7, pattern(64))
    let fragments = stride(from: 0, to: datagram.count, by: 24).map { start in
      let part = Array(datagram[start..<min(start + 24, datagram.count)])
      return ip(17, part, offset: start, more: start + 24 < datagram.count)
    }
    let route = [131, 7, 4] + other4
    return [
      ip(1, [8, 0, 0, 0, 0, 1, 0, 2] + pattern(40)), ip(1, [13, 0, 0, 0, 0, 1, 0, 2] + pattern(12)),
      ip(1, [3, 4, 0, 0, 0, 0, 5, 0] + ip(17, udp(9, pattern(8)), from: own4, to: other4)), ip(17, datagram),
      ip(6, pattern(40)), ip(17, datagram, options: [7, 15, 8] + pattern(12)), ip(17, datagram, options: route),
      ip(17, datagram, options: [68, 12, 5, 1] + pattern(8)), ip(17, datagram, to: [203, 0, 113, 9]),
      ip(2, [0x16, 0, 0, 0, 239, 1, 2, 3], to: [239, 1, 2, 3], options: [148, 4, 0, 0]),
    ] + fragments
  }

  private static var igmp: [[UInt8]] {
    let records = [[1, 0, 0, 1, 239, 1, 2, 3] + other4, [4, 0, 0, 0, 239, 9, 9, 9]].flatMap { $0 }
    let messages: [[UInt8]] = [
      [0x11, 100, 0, 0, 0, 0, 0, 0], [0x11, 0, 0, 0, 0, 0, 0, 0], [0x11, 50, 0, 0, 239, 1, 2, 3],
      [0x11, 100, 0, 0, 239, 1, 2, 3, 2, 125, 0, 1] + other4, [0x12, 0, 0, 0, 239, 1, 2, 3],
      [0x16, 0, 0, 0, 239, 1, 2, 3], [0x17, 0, 0, 0, 239, 1, 2, 3], [0x22, 0, 0, 0, 0, 0, 0, 2] + records,
    ]
    return messages.map { ip(2, $0, to: [224, 0, 0, 22], options: [148, 4, 0, 0], ttl: 1) }
  }

  static func ip(
    _ proto: UInt8, _ payload: [UInt8], from source: [UInt8] = other4, to destination: [UInt8] = own4,
    options: [UInt8] = [], offset: Int = 0, more: Bool = false, ttl: UInt8 = 64
  ) -> [UInt8] {
    let options = options + [UInt8](repeating: 0, count: -options.count & 3)
    let length = 20 + options.count
    let header: [UInt8] = [0x40 | UInt8(length / 4), 0]
    let fragment = big16(offset / 8 | (more ? 0x2000 : 0))
    var packet = header + big16(length + payload.count) + [0x12, 0x34] + fragment + [ttl, proto, 0, 0]
    packet += source + destination + options + payload
    PacketChecksums.mend(&packet, of: UInt32(NETISR_IP))
    return packet
  }

  /// Without a checksum, which is allowed.
  static func udp(_ port: Int, _ data: [UInt8]) -> [UInt8] {
    big16(40000) + big16(port) + big16(8 + data.count) + [0, 0] + data
  }

  // MARK: ARP (RFC 826), Ethernet

  private static var arp: [[UInt8]] {
    let head: [UInt8] = [0, 1, 8, 0, 6, 4, 0]
    let they: [UInt8] = [2, 0, 0, 0, 0, 7] + other4
    return [
      head + [1] + they + [0, 0, 0, 0, 0, 0] + own4, head + [2] + they + [2, 0, 0, 0, 0, 1] + own4,
      head + [1] + [2, 0, 0, 0, 0, 7] + own4 + [0, 0, 0, 0, 0, 0] + own4,
      head + [1] + [2, 0, 0, 0, 0, 7] + [0, 0, 0, 0] + [0, 0, 0, 0, 0, 0] + own4,
    ]
  }

  private static var ethernet: [[UInt8]] {
    let all: [UInt8] = [255, 255, 255, 255, 255, 255]
    let (own, other): ([UInt8], [UInt8]) = ([2, 0, 0, 0, 0, 1], [2, 0, 0, 0, 0, 7])
    return ipv4.prefix(4).map { own + other + [8, 0] + $0 } + ipv6.prefix(4).map { own + other + [0x86, 0xdd] + $0 }
      + arp.prefix(2).map { all + other + [8, 6] + $0 + pattern(18) } + [
        own + other + [0x81, 0, 0, 5, 8, 0] + ipv4[0], own + other + [0x88, 0xa8, 0, 6, 0x81, 0, 0, 5, 8, 0] + ipv4[0],
        [1, 0x80, 0xc2, 0, 0, 0] + other + big16(38) + [0x42, 0x42, 3] + pattern(35),
        own + other + big16(40) + [0xaa, 0xaa, 3, 0, 0, 0, 8, 0] + pattern(32),
      ]
  }

  // MARK: IPv6 (RFC 8200, 4443, 4861, 3810)

  private static var ipv6: [[UInt8]] {
    let link: [UInt8] = [1, 1, 2, 0, 0, 0, 0, 7]
    let zeros = [UInt8](repeating: 0, count: 8)
    let router: [UInt8] = [0xfe, 0x80] + zeros.prefix(6) + [0, 0, 0, 0, 0, 0, 0, 7]
    let prefix: [UInt8] = [3, 4, 64, 0xc0] + big32(3600) + big32(1800) + big32(0) + own6
    let report: [UInt8] = [4, 0, 0, 0, 0xff, 0x15] + zeros + [0, 0, 0, 0, 0, 9]
    let alert: [UInt8] = [58, 0, 5, 2, 0, 0, 1, 0]
    return [
      icmp6(128, [0, 1, 0, 2] + pattern(40)), icmp6(135, [0, 0, 0, 0] + own6 + link),
      icmp6(136, [0x60, 0, 0, 0] + other6 + [2] + link.dropFirst()),
      icmp6(134, [64, 0, 7, 8] + big32(0) + big32(0) + link + [5, 1, 0, 0] + big32(1500) + prefix, from: router),
      icmp6(133, [0, 0, 0, 0] + link), icmp6(137, [0, 0, 0, 0] + other6 + other6 + link, from: router),
      icmp6(2, big32(1280) + ip6(17, udp(9, pattern(8)), from: own6, to: other6)), ip6(17, udp(7, pattern(64))),
      ip6(0, alert + icmp6Message(143, big16(0) + big16(1) + report)),
      ip6(0, alert + icmp6Message(130, big16(100) + [0, 0] + zeros + zeros + [2, 125, 0, 0])),
      ip6(44, [17, 0] + big16(1) + big32(7) + pattern(48)), ip6(44, [17, 0] + big16(48) + big32(7) + pattern(20)),
      ip6(43, [17, 2, 0, 1] + big32(0) + other6 + udp(7, pattern(8))),
      ip6(60, [17, 0, 1, 4, 0, 0, 0, 0] + udp(7, pattern(8))),
      ip6(6, pattern(40)), ip6(17, udp(7, pattern(8)), to: [0x20, 1, 0x0d, 0xb8, 0, 9] + zeros + [0, 9]),
    ]
  }

  static func ip6(_ next: UInt8, _ payload: [UInt8], from source: [UInt8] = other6, to destination: [UInt8] = own6)
    -> [UInt8]
  {
    var packet: [UInt8] = [0x60, 0, 0, 0] + big16(payload.count) + [next, 255] + source + destination + payload
    PacketChecksums.mend(&packet, of: UInt32(NETISR_IPV6))
    return packet
  }

  private static func icmp6Message(_ type: UInt8, _ body: [UInt8]) -> [UInt8] { [type, 0, 0, 0] + body }

  private static func icmp6(_ type: UInt8, _ body: [UInt8], from source: [UInt8] = other6) -> [UInt8] {
    ip6(58, icmp6Message(type, body), from: source)
  }

  // MARK: ATM (I.361, I.363.5, RFC 2684)

  private static var atm: [[UInt8]] {
    let payload = [0xaa, 0xaa, 3, 0, 0, 0, 8, 0] + ip(17, udp(7, pattern(20)))
    let bridged = [0xaa, 0xaa, 3, 0, 0x80, 0xc2, 0, 7, 0, 0] + ethernet[0]
    var pdu =
      payload + [UInt8](repeating: 0, count: (48 - (payload.count + 8) % 48) % 48) + [0, 0] + big16(payload.count)
    pdu += big32(Int(PacketChecksums.crc32(pdu)))
    let cells = stride(from: 0, to: pdu.count, by: 48).map { start in
      let isLast = start + 48 == pdu.count
      let header = PacketChecksums.withHEC([0, 0, 6, 0x40 | (isLast ? 2 : 0)])
      return atmFrame(ATM_FORM_CELL, header + pdu[start..<start + 48])
    }
    return [
      atmFrame(ATM_FORM_PDU, pdu), atmFrame(ATM_FORM_SDU, payload), atmFrame(ATM_FORM_SDU, bridged),
      atmFrame(ATM_FORM_OAM, [0x18, 1] + pattern(46)),
    ] + cells
  }

  /// struct atm_frame of natm.h, on circuit 0/100.
  private static func atmFrame(_ form: Int32, _ body: [UInt8]) -> [UInt8] {
    [UInt8(form), 0, 0, 0, 100, 0, 0, 0] + body
  }

  // MARK: rtnetlink (rtnetlink(7)), in this machine's order

  private static var netlink: [[UInt8]] {
    let gateway = attribute(5, other4)
    let hops = little16(16) + [0, 0] + little32(0x4000_0002) + gateway
    let messages = [
      message(
        16,
        [0, 0] + little16(1) + little32(5) + little32(0x1003) + little32(0) + attribute(3, Array("eth9".utf8) + [0])),
      message(20, [2, 24, 0x80, 0] + little32(5) + attribute(1, own4) + attribute(2, own4)),
      message(
        24,
        [2, 8, 0, 0, 254, 3, 0, 1] + little32(0) + attribute(1, [10, 0, 0, 0]) + gateway + attribute(4, little32(5))),
      message(24, [2, 0, 0, 0, 254, 3, 0, 1] + little32(0) + attribute(9, hops + hops)),
      message(
        24,
        [10, 64, 0, 0, 254, 3, 0, 1] + little32(0) + attribute(1, own6) + attribute(5, other6)
          + attribute(6, little32(9))),
      message(25, [2, 8, 0, 0, 254, 3, 0, 1] + little32(0) + attribute(1, [10, 0, 0, 0])),
      message(
        28,
        [2, 0, 0, 0] + little32(5) + little16(2) + [0, 1] + attribute(1, other4) + attribute(2, [2, 0, 0, 0, 0, 7])),
      message(32, [2, 0, 0, 0, 254, 0, 0, 1] + little32(0) + attribute(6, little32(100))), message(3, little32(0)),
    ]
    return messages + [messages.flatMap { $0 }]
  }

  private static func message(_ type: Int, _ body: [UInt8]) -> [UInt8] {
    padded(little32(16 + body.count) + little16(type) + little16(0x400) + little32(1) + little32(0) + body)
  }

  private static func attribute(_ type: Int, _ value: [UInt8]) -> [UInt8] {
    padded(little16(4 + value.count) + little16(type) + value)
  }

  private static func padded(_ bytes: [UInt8]) -> [UInt8] { bytes + [UInt8](repeating: 0, count: -bytes.count & 3) }

  // MARK: Numbers

  static func big16(_ value: Int) -> [UInt8] { [UInt8(value >> 8 & 0xff), UInt8(value & 0xff)] }
  static func big32(_ value: Int) -> [UInt8] { big16(value >> 16 & 0xffff) + big16(value & 0xffff) }
  private static func little16(_ value: Int) -> [UInt8] { big16(value).reversed() }
  private static func little32(_ value: Int) -> [UInt8] { big32(value).reversed() }
  private static func pattern(_ count: Int) -> [UInt8] {
    (0..<count).map { UInt8(truncatingIfNeeded: $0 &* 167 &+ 13) }
  }
}
