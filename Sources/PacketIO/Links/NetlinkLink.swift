import CNetISR

/// LINKTYPE_NETLINK: a cooked header whose protocol is the netlink family, then netlink messages.
enum NetlinkLink {
  /// ARPHRD_NETLINK of linux/if_arp.h.
  static let hardware: UInt16 = 824
  private static let header = 16

  static func decode(_ frame: RawSpan, wireLength: Int) throws(FrameRefusal) -> Delivery {
    guard frame.byteCount >= header else { throw .tooShort }
    guard frame.big16(at: 2) == hardware else { throw .unsupported(.hardwareType(frame.big16(at: 2))) }
    return try deliver(frame, from: header, family: frame.big16(at: 14), wireLength: wireLength)
  }

  /// The messages that begin at `offset`, to route when the family is NETLINK_ROUTE (0).
  static func deliver(
    _ frame: RawSpan, from offset: Int, family: UInt16, wireLength: Int
  ) throws(FrameRefusal) -> Delivery {
    guard family == 0 else { throw .unsupported(.netlinkFamily(family)) }
    return Delivery(proto: NETISR_ROUTE, body: offset..<frame.byteCount, wireLength: wireLength - offset)
  }
}
