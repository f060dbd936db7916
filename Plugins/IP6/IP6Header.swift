import NetISRPlugin

/// The fixed header (RFC 8200, section 3).
///
/// Checked once by `init`; the accessors stay inside of what it checked.
struct IP6Header: ~Escapable {
  static let size = 40
  /// Every link takes packets of so many bytes (section 5).
  static let minimumMTU = 1280
  static let payloadLengthOffset = 4
  static let nextHeaderOffset = 6
  static let hopLimitOffset = 7
  static let sourceOffset = 8
  static let destinationOffset = 24

  private let bytes: RawSpan

  /// Nil when the bytes are fewer than the header's.
  @_lifetime(copy bytes)
  init?(_ bytes: RawSpan) {
    guard bytes.byteCount >= Self.size else { return nil }
    self.bytes = bytes
  }

  var version: UInt8 { bytes.u8(0) >> 4 }

  /// Bytes behind this header; 0 in a jumbogram.
  var payloadLength: Int { Int(bytes.u16(Self.payloadLengthOffset)) }

  var nextHeader: UInt8 { bytes.u8(Self.nextHeaderOffset) }

  var hopLimit: UInt8 { bytes.u8(7) }

  var source: IP6Address { IP6Address(high: bytes.u64(8), low: bytes.u64(16)) }

  var destination: IP6Address { IP6Address(high: bytes.u64(24), low: bytes.u64(32)) }
}
