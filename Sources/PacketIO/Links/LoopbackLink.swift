import CNetISR

/// LINKTYPE_NULL and LINKTYPE_LOOP: a 4-byte address family, then the packet.
///
/// Families are numbers of the system that wrote the file: 2 is IPv4 everywhere; IPv6 is 24 (NetBSD, OpenBSD), 28
/// (FreeBSD), 30 (macOS) or 10 (Linux).
enum LoopbackLink {
  private static let header = 4

  /// NULL: the family in the byte order of the machine that wrote the file, which the file does not name.  Families
  /// are small numbers, so the order in which it is one is the right one.
  static func decodeNull(_ frame: RawSpan, wireLength: Int) throws(FrameRefusal) -> Delivery {
    guard frame.byteCount >= header else { throw .tooShort }
    let family = frame.big32(at: 0)
    return try deliver(frame, family: min(family, family.byteSwapped), wireLength: wireLength)
  }

  /// LOOP: the family in network byte order.
  static func decodeLoop(_ frame: RawSpan, wireLength: Int) throws(FrameRefusal) -> Delivery {
    guard frame.byteCount >= header else { throw .tooShort }
    return try deliver(frame, family: frame.big32(at: 0), wireLength: wireLength)
  }

  private static func deliver(_ frame: RawSpan, family: UInt32, wireLength: Int) throws(FrameRefusal) -> Delivery {
    let proto: Int32
    switch family {
    case 2: proto = NETISR_IP
    case 10, 24, 28, 30: proto = NETISR_IPV6
    default: throw .unsupported(.addressFamily(family))
    }
    return Delivery(proto: proto, body: header..<frame.byteCount, wireLength: wireLength - header)
  }
}
