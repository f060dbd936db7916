import NetISRPlugin

/// A valid message of Neighbor Discovery (RFC 4861): what its options and its fixed part say of link-level addresses.
struct NeighbourMessage {
  /// The link-level addresses of the sender and of the target.
  var sourceLink: LinkAddress?
  var targetLink: LinkAddress?
  /// Of solicitations, advertisements and redirects.
  var target = IP6Address(high: 0, low: 0)
  /// Of redirects: where packets are to go by `target`.
  var redirected = IP6Address(high: 0, low: 0)
  /// The flags of a neighbour advertisement.
  var isRouter = false
  var isSolicited = false
  var overrides = false
  /// Of solicitations (RFC 7527): a number by which their sender knows them; 0 for none.
  var nonce: UInt64 = 0
  /// Of a router advertisement, seconds; 0: it is no default router.
  var routerLifetime: UInt16 = 0

  /// Nil when the message is invalid: it must be silently discarded then.
  init?(_ packet: borrowing Packet, _ message: ICMP6Message, _ chain: HeaderChain) {
    // 255 can't have passed a router; fragments can't be judged by who guards the link (RFC 6980).
    guard chain.hopLimit == 255, message.code == 0, !chain.hasFragmentHeader else { return nil }
    guard readFixedPart(packet, message, chain), readOptions(packet, message) else { return nil }
    // Sections 6.1.1 and 7.1.1: who has no address yet has nothing to say about it.
    let solicits =
      message.type == ICMP6Type.routerSolicitation || message.type == ICMP6Type.neighbourSolicitation
    guard !(solicits && chain.source.isUnspecified && sourceLink != nil) else { return nil }
  }

  private mutating func readFixedPart(_ packet: borrowing Packet, _ message: ICMP6Message, _ chain: HeaderChain) -> Bool
  {
    switch message.type {
    case ICMP6Type.routerSolicitation:
      return true
    case ICMP6Type.routerAdvertisement:
      // Section 6.1.2.
      guard let lifetime = packet.u16(at: message.start &+ 6) else { return false }
      routerLifetime = lifetime
      return chain.source.isLinkLocal
    case ICMP6Type.neighbourSolicitation:
      // Section 7.1.1.
      guard let address = packet.address(at: message.start &+ 8), !address.isMulticast else { return false }
      target = address
      return !chain.source.isUnspecified || chain.destination.isSolicitedNode
    case ICMP6Type.neighbourAdvertisement:
      // Section 7.1.2.
      guard let address = packet.address(at: message.start &+ 8), !address.isMulticast,
        let flags = packet.u8(at: message.start &+ 4)
      else { return false }
      target = address
      isRouter = flags & 0x80 != 0
      isSolicited = flags & 0x40 != 0
      overrides = flags & 0x20 != 0
      return !(chain.destination.isMulticast && isSolicited)
    default:
      // A redirect, section 8.1.
      guard chain.source.isLinkLocal, let address = packet.address(at: message.start &+ 8),
        let destination = packet.address(at: message.start &+ 24)
      else { return false }
      target = address
      redirected = destination
      return !destination.isMulticast && (address.isLinkLocal || address == destination)
    }
  }

  /// Walks the options; each is at least 8 bytes long, and none reaches beyond the message.
  private mutating func readOptions(_ packet: borrowing Packet, _ message: ICMP6Message) -> Bool {
    var position = message.start &+ ICMP6Type.minimum(message.type)
    while position < message.end {
      guard position &+ 2 <= message.end, let type = packet.u8(at: position), let units = packet.u8(at: position &+ 1)
      else { return false }
      let length = Int(units) &* 8
      guard length > 0, position &+ length <= message.end else { return false }
      switch type {
      case DiscoveryOption.sourceLink: sourceLink = sourceLink ?? LinkAddress(packet, at: position, length: length)
      case DiscoveryOption.targetLink: targetLink = targetLink ?? LinkAddress(packet, at: position, length: length)
      case DiscoveryOption.nonce where length == 8:
        nonce = (packet.u64(at: position) ?? 0) & 0xffff_ffff_ffff
      default: break
      }
      position &+= length
    }
    return true
  }
}

/// A link-level address in an option (RFC 4861, section 4.6.1): 6 bytes for Ethernet and its kind (RFC 2464), 8 in an
/// option of two units (RFC 4944).
struct LinkAddress: Equatable {
  /// In network order, the first byte highest; what is behind the address is 0.
  var bytes: UInt64
  var length: UInt8

  /// Of Ethernet, as a number; nil when it is another kind.
  var ether: UInt64? { length == 6 ? bytes >> 16 : nil }

  init?(_ packet: borrowing Packet, at position: Int, length: Int) {
    switch length {
    case 8:
      guard let option = packet.u64(at: position) else { return nil }
      bytes = option << 16
      self.length = 6
    case 16:
      guard let address = packet.u64(at: position &+ 2) else { return nil }
      bytes = address
      self.length = 8
    default:
      return nil
    }
  }
}
