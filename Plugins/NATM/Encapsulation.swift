import NetISRPlugin

/// How a payload lies in an AAL5 PDU (RFC 2684), and what it is.
///
/// A circuit has one encapsulation, which its two ends agree on when they set it up (RFC 2684, section 3); who only
/// listens is not told. But each PDU shows it:
///
///     AA AA 03 ...   LLC with SNAP (5.1): routed, or bridged when the organisation is 00-80-C2 (5.2)
///     FE FE 03 ...   LLC with NLPID (5.1): IPv4 or IPv6
///     4x, 6x ...     VC multiplexing (6.1): an IP packet
///     00 00 ...      VC multiplexing (6.2): two bytes of pad, an Ethernet frame
///
/// No two of these begin alike, so the first bytes decide, for every PDU anew: there is no state that a wrong guess
/// could spoil. The two forms without a header of their own also have to look right behind the first byte.
struct Encapsulation {
  enum Payload {
    case ip, ip6, arp
    /// An Ethernet frame; with its FCS or without.
    case ethernet(hasFCS: Bool)
  }

  let payload: Payload
  /// Bytes in front of the payload.
  let headerLength: Int

  /// As many bytes as the decision may need.
  static let reach = 24

  /// - Parameters:
  ///   - bytes: the first `reach` bytes of the PDU, or all.
  ///   - count: bytes of the PDU, those included that were not captured.
  init(_ bytes: RawSpan, count: Int) throws(DropReason) {
    guard bytes.byteCount >= 3 else { throw .truncated }
    switch (bytes.u16(0), bytes.u8(2)) {
    case (0xaaaa, 0x03): self = try Self.snap(bytes)
    case (0xfefe, 0x03): self = try Self.nlpid(bytes)
    default: self = try Self.multiplexed(bytes, count: count)
    }
  }

  private init(_ payload: Payload, headerLength: Int) {
    self.payload = payload
    self.headerLength = headerLength
  }

  private static func snap(_ bytes: RawSpan) throws(DropReason) -> Encapsulation {
    guard bytes.byteCount >= 8 else { throw .truncated }
    let organisation = bytes.u32(2) & 0x00ff_ffff
    let type = bytes.u16(6)
    switch (organisation, type) {
    case (0, EtherType.ip): return .init(.ip, headerLength: 8)
    case (0, EtherType.ip6): return .init(.ip6, headerLength: 8)
    case (0, EtherType.arp), (0, EtherType.reverseARP): return .init(.arp, headerLength: 8)
    // Behind the protocol id, a pad of two bytes brings the Ethernet header to an even place.
    case (0x0080c2, 0x0001): return .init(.ethernet(hasFCS: true), headerLength: 10)
    case (0x0080c2, 0x0007): return .init(.ethernet(hasFCS: false), headerLength: 10)
    default: throw .noProtocol
    }
  }

  private static func nlpid(_ bytes: RawSpan) throws(DropReason) -> Encapsulation {
    guard bytes.byteCount >= 4 else { throw .truncated }
    switch bytes.u8(3) {
    case 0xcc: return .init(.ip, headerLength: 4)
    case 0x8e: return .init(.ip6, headerLength: 4)
    default: throw .noProtocol
    }
  }

  private static func multiplexed(_ bytes: RawSpan, count: Int) throws(DropReason) -> Encapsulation {
    switch bytes.u8(0) >> 4 {
    case 4:
      let headerLength = UInt16(bytes.u8(0) & 0x0f) &* 4
      guard bytes.byteCount >= 20, headerLength >= 20, bytes.u16(2) >= headerLength else { throw .noProtocol }
      return .init(.ip, headerLength: 0)
    case 6:
      guard count >= 40 else { throw .noProtocol }
      return .init(.ip6, headerLength: 0)
    case 0:
      // No station has a group address, or none, as its own; and the type is one, or a length that fits.
      guard bytes.u16(0) == 0, bytes.byteCount >= 2 &+ 14 else { throw .noProtocol }
      let source = bytes.u64(8) >> 16
      let type = bytes.u16(14)
      guard source != 0, bytes.u8(8) & 1 == 0,
        type >= EtherType.lowest || (type >= 3 && Int(type) <= count &- 16)
      else { throw .noProtocol }
      return .init(.ethernet(hasFCS: false), headerLength: 2)
    default: throw .noProtocol
    }
  }
}

/// The types behind a SNAP header.
enum EtherType {
  static let ip: UInt16 = 0x0800
  static let arp: UInt16 = 0x0806
  static let reverseARP: UInt16 = 0x8035
  static let ip6: UInt16 = 0x86dd
  /// The lowest type; smaller values are 802.3 lengths.
  static let lowest: UInt16 = 0x0600
}
