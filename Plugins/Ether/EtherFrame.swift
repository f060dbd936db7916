import NetISRPlugin

/// The Ethernet header (IEEE 802.3 clause 3.2): two addresses, and a type or a length.
///
/// Checked once by `init`; the accessors stay inside of what it checked.
struct EtherHeader: ~Escapable {
  static let size = 14

  private let bytes: RawSpan

  /// Nil when the frame is shorter than the header.
  @_lifetime(copy bytes)
  init?(_ bytes: RawSpan) {
    guard bytes.byteCount >= Self.size else { return nil }
    self.bytes = bytes
  }

  /// The type (from 0x600) or the length (up to 1500) field.
  var typeOrLength: UInt16 { bytes.u16(12) }

  /// The destination, as a number of 48 bits.
  var destination: UInt64 { UInt64(bytes.u32(0)) << 16 | UInt64(bytes.u16(4)) }

  /// The group bit of the destination.
  var isMulticast: Bool { bytes.u8(0) & 1 != 0 }

  /// The destination is ff:ff:ff:ff:ff:ff.
  var isBroadcast: Bool { destination == 0xffff_ffff_ffff }
}

/// What the type field says of the payload.
enum EtherType {
  static let ip: UInt16 = 0x0800
  static let arp: UInt16 = 0x0806
  static let ip6: UInt16 = 0x86dd

  /// The lowest type; smaller values are 802.3 lengths (IEEE 802.3 clause 3.2.6).
  static let lowest: UInt16 = 0x0600
  /// The highest length; values between the two are neither.
  static let highestLength: UInt16 = 1500

  /// 802.1Q, 802.1ad, and the type that QinQ had before it was standardised.
  static func isTag(_ type: UInt16) -> Bool {
    type == 0x8100 || type == 0x88a8 || type == 0x9100
  }
}

/// A tag of 802.1Q or 802.1ad behind its type: priority, drop eligibility and VLAN id, then the next type.
enum Tag {
  static let size = 4
  /// More tags than any network nests; a longer chain is somebody's attack.
  static let limit = 8
}

/// LLC (802.2): two service access points and a control field.
enum LLC {
  static let size = 3

  /// Novell's raw 802.3: an IPX header, with the checksum that it never has, right behind the length.
  static func isRawNovell(_ bytes: RawSpan, at offset: Int) -> Bool {
    bytes.u16(offset) == 0xffff
  }
}

/// LLC with SNAP: AA AA 03, an organisation code, and a type when that code is 00-00-00 (RFC 1042) or 00-00-F8
/// (802.1H).
enum SNAP {
  static let size = 8

  /// Whether the LLC header at `offset` says that SNAP follows. The caller has checked that `LLC.size` bytes are there.
  static func follows(_ bytes: RawSpan, at offset: Int) -> Bool {
    bytes.u16(offset) == 0xaaaa && bytes.u8(offset &+ 2) == 0x03
  }

  /// The type behind the header at `offset`; nil when another organisation defines it. The caller has checked that
  /// `size` bytes are there.
  static func type(in bytes: RawSpan, at offset: Int) -> UInt16? {
    let organisation = bytes.u32(offset &+ 2) & 0x00ff_ffff
    return organisation == 0 || organisation == 0xf8 ? bytes.u16(offset &+ 6) : nil
  }
}
