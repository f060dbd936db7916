import CNetISR

/// LINKTYPE_RAW, LINKTYPE_IPV4 and LINKTYPE_IPV6: an IP packet without link header.
enum RawIPLink {
  /// RAW: the version field decides.  What is neither version goes to ip, whose version check counts it.
  static func decode(_ frame: RawSpan, wireLength: Int) throws(FrameRefusal) -> Delivery {
    guard frame.byteCount >= 1 else { throw .tooShort }
    return frame.byte(at: 0) >> 4 == 6
      ? decodeIPv6(frame, wireLength: wireLength) : decodeIPv4(frame, wireLength: wireLength)
  }

  static func decodeIPv4(_ frame: RawSpan, wireLength: Int) -> Delivery {
    Delivery(proto: NETISR_IP, body: 0..<frame.byteCount, wireLength: wireLength)
  }

  static func decodeIPv6(_ frame: RawSpan, wireLength: Int) -> Delivery {
    Delivery(proto: NETISR_IPV6, body: 0..<frame.byteCount, wireLength: wireLength)
  }
}
