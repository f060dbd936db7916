import CNetISR
import PacketIO

/// The packets that a capture has for one protocol, also where they are wrapped in those of others.
enum ProbeCapture {
  /// Calls `body` with each, in order, until it answers false. Throws when the capture can't be read to its end.
  static func forEachPacket(
    of path: String, _ proto: UInt32, _ body: ([UInt8]) -> Bool
  ) throws(ControlError) {
    do throws(CaptureError) {
      var reader = try CaptureReader(path: path)
      let linkType = reader.linkType
      var goesOn = true
      while goesOn {
        let frame = try reader.next { bytes, frame in packet(bytes, frame.wireLength, linkType) }
        guard let frame else { return }
        if let (outer, packet) = frame, let inner = unwrap(packet, outer, for: proto) { goesOn = body(inner) }
      }
    } catch {
      throw ControlError(.failed, error.description)
    }
  }

  /// What a frame brings to its protocol; nil when nobody takes it.
  private static func packet(_ bytes: RawSpan, _ wireLength: Int, _ linkType: LinkType) -> (UInt32, [UInt8])? {
    guard let delivery = try? LinkDecoder.decode(bytes, wireLength: wireLength, linkType: linkType) else { return nil }
    let body = delivery.body.map { unsafe bytes.unsafeLoad(fromByteOffset: $0, as: UInt8.self) }
    return (delivery.proto, delivery.prefix.bytes + body)
  }

  /// The packet for `proto` in one for another; nil when there is none.
  private static func unwrap(_ packet: [UInt8], _ outer: UInt32, for proto: UInt32) -> [UInt8]? {
    // A number of somebody's own: what it is for nobody knows, so it gets all.
    if outer == proto || proto > UInt32(NETISR_IPV6_DIRECT) { return packet }
    switch Int32(outer) {
    case NETISR_ETHER:
      if Int32(proto) == NETISR_EPAIR { return packet }
      var offset = 12
      while packet.count >= offset + 6, [[0x81, 0], [0x88, 0xa8]].contains(Array(packet[offset..<offset + 2])) {
        offset += 4
      }
      guard packet.count >= offset + 2 else { return nil }
      let inner: Int32
      switch (packet[offset], packet[offset + 1]) {
      case (0x08, 0x00): inner = NETISR_IP
      case (0x86, 0xdd): inner = NETISR_IPV6
      case (0x08, 0x06): inner = NETISR_ARP
      default: return nil
      }
      return unwrap(Array(packet[(offset + 2)...]), UInt32(inner), for: proto)
    case NETISR_IP:
      if Int32(proto) == NETISR_IP_DIRECT { return packet }
      return Int32(proto) == NETISR_IGMP && packet.count > 9 && packet[9] == 2 ? packet : nil
    case NETISR_IPV6: return Int32(proto) == NETISR_IPV6_DIRECT ? packet : nil
    default: return nil
    }
  }
}
