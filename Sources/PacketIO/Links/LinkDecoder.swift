/// From a captured frame to a packet for one protocol, by the capture's link type.
///
/// Decoders are pure functions of the frame's bytes: any bytes whatever give a delivery or a refusal.
public enum LinkDecoder {
  /// Decodes one frame.
  ///
  /// - Parameters:
  ///   - frame: the bytes that were captured, link header first.
  ///   - wireLength: the bytes that the frame had on the wire, as the capture says.
  ///   - linkType: the link type of the capture.
  /// - Throws: why the frame is a packet for nobody.
  public static func decode(
    _ frame: RawSpan, wireLength: Int, linkType: LinkType
  ) throws(FrameRefusal) -> Delivery {
    switch linkType {
    case .en10MB: return EthernetLink.decode(frame, wireLength: wireLength)
    case .linuxSLL: return try CookedLink.decodeSLL(frame, wireLength: wireLength)
    case .linuxSLL2: return try CookedLink.decodeSLL2(frame, wireLength: wireLength)
    case .null: return try LoopbackLink.decodeNull(frame, wireLength: wireLength)
    case .loop: return try LoopbackLink.decodeLoop(frame, wireLength: wireLength)
    case .raw: return try RawIPLink.decode(frame, wireLength: wireLength)
    case .ipv4: return RawIPLink.decodeIPv4(frame, wireLength: wireLength)
    case .ipv6: return RawIPLink.decodeIPv6(frame, wireLength: wireLength)
    case .atmRFC1483: return RFC1483Link.decode(frame, wireLength: wireLength)
    case .sunATM: return try SunATMLink.decode(frame, wireLength: wireLength)
    case .erf: return try ERFLink.decode(frame, wireLength: wireLength)
    case .netlink: return try NetlinkLink.decode(frame, wireLength: wireLength)
    }
  }
}
