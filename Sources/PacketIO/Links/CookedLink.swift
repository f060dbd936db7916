import CNetISR

/// LINKTYPE_LINUX_SLL and LINKTYPE_LINUX_SLL2: what Linux gives for "any" and for devices without a link header.
///
/// The cooked header has the source address and the protocol but not the destination; an Ethernet header is made of
/// it, so that one protocol, ether, sees all of them.  Of the destination only its kind is known: broadcast, some group,
/// or a station, which becomes the zero address.
enum CookedLink {
  private static let sllHeader = 16
  private static let sll2Header = 20
  private static let etherHeader = 14

  /// Packet types of linux/if_packet.h.
  private static let broadcast: UInt16 = 1
  private static let multicast: UInt16 = 2

  static func decodeSLL(_ frame: RawSpan, wireLength: Int) throws(FrameRefusal) -> Delivery {
    guard frame.byteCount >= sllHeader else { throw .tooShort }
    return try Header(
      packetType: frame.big16(at: 0), hardware: frame.big16(at: 2), addressLength: Int(frame.big16(at: 4)),
      addressOffset: 6, proto: frame.big16(at: 14), length: sllHeader
    ).decode(frame, wireLength: wireLength)
  }

  static func decodeSLL2(_ frame: RawSpan, wireLength: Int) throws(FrameRefusal) -> Delivery {
    guard frame.byteCount >= sll2Header else { throw .tooShort }
    return try Header(
      packetType: UInt16(frame.byte(at: 10)), hardware: frame.big16(at: 8), addressLength: Int(frame.byte(at: 11)),
      addressOffset: 12, proto: frame.big16(at: 0), length: sll2Header
    ).decode(frame, wireLength: wireLength)
  }

  /// The fields that both versions of the header have.
  private struct Header {
    var packetType: UInt16
    var hardware: UInt16
    var addressLength: Int
    var addressOffset: Int
    var proto: UInt16
    var length: Int

    func decode(_ frame: RawSpan, wireLength: Int) throws(FrameRefusal) -> Delivery {
      if hardware == NetlinkLink.hardware {
        return try NetlinkLink.deliver(frame, from: length, family: proto, wireLength: wireLength)
      }
      // The protocol field of these says nothing about the payload: Frame Relay and 802.11 with radiotap.
      guard hardware != 770 && hardware != 803 else { throw .unsupported(.hardwareType(hardware)) }
      var prefix = FramePrefix()
      appendDestination(to: &prefix)
      appendSource(of: frame, to: &prefix)
      prefix.append(big: try typeOrLength(payload: max(wireLength, frame.byteCount) - length))
      return Delivery(
        proto: NETISR_ETHER, prefix: prefix, body: length..<frame.byteCount,
        wireLength: wireLength - length + etherHeader, flags: flags)
    }

    private var flags: UInt32 {
      switch packetType {
      case broadcast: M_BCAST
      case multicast: M_MCAST
      default: 0
      }
    }

    private func appendDestination(to prefix: inout FramePrefix) {
      switch packetType {
      case broadcast:
        for _ in 0..<6 { prefix.append(0xff) }
      case multicast where proto == 0x86dd:
        // The prefix of RFC 2464, section 7.
        prefix.append(big: 0x3333)
        for _ in 0..<4 { prefix.append(0) }
      case multicast:
        // The prefix of RFC 1112, section 6.4.
        prefix.append(big: 0x0100)
        prefix.append(big: 0x5e00)
        prefix.append(big: 0)
      default:
        for _ in 0..<6 { prefix.append(0) }
      }
    }

    private func appendSource(of frame: RawSpan, to prefix: inout FramePrefix) {
      if addressLength == 6 {
        prefix.append(frame, from: addressOffset, count: 6)
      } else {
        for _ in 0..<6 { prefix.append(0) }
      }
    }

    /// The EtherType; for 802.3 frames, with and without LLC (4 and 1), the length of the payload.
    private func typeOrLength(payload: Int) throws(FrameRefusal) -> UInt16 {
      switch proto {
      case 0x0600...: return proto
      case 1, 4: return UInt16(min(payload, 1500))
      default: throw .unsupported(.cookedProtocol(proto))
      }
    }
  }
}
