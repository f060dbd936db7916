import NetISRPlugin

/// The IP header in front of a message, as far as IGMP needs it: ip has checked it, but who hands a packet on may be
/// another plugin.
///
/// Checked once by `init`; the accessors stay inside of what it checked.
struct IPHeader: ~Escapable {
  static let size = 20
  /// With all options.
  static let limit = 60

  private let bytes: RawSpan

  /// The reason to drop the packet when this is no IPv4 header, or cut short.
  @_lifetime(copy bytes)
  init(_ bytes: RawSpan) throws(DropReason) {
    guard bytes.byteCount >= Self.size else { throw .tooShort }
    self.bytes = bytes
    guard bytes.u8(0) >> 4 == 4, length >= Self.size else { throw .badHeader }
    guard totalLength >= length, bytes.byteCount >= length else { throw .tooShort }
  }

  /// Bytes of the header, options included.
  var length: Int { Int(bytes.u8(0) & 0xf) &* 4 }
  /// Bytes of the header and the message; behind them is padding.
  var totalLength: Int { Int(bytes.u16(2)) }
  var source: UInt32 { bytes.u32(12) }
}

/// What all messages have in common: type, code, checksum, group.
///
/// Checked once by `init`; the accessors stay inside of what it checked.
struct IGMPMessage: ~Escapable {
  static let size = 8

  private let bytes: RawSpan

  /// Nil when there are fewer bytes.
  @_lifetime(copy bytes)
  init?(_ bytes: RawSpan) {
    guard bytes.byteCount >= Self.size else { return nil }
    self.bytes = bytes
  }

  var type: UInt8 { bytes.u8(0) }
  /// Of a query, the maximum response code: 0 in version 1.
  var code: UInt8 { bytes.u8(1) }
  /// Of all but version 3's reports.
  var group: Group { Group(number: bytes.u32(4)) }
  /// Of a version 3 report: its group records.
  var recordCount: Int { Int(bytes.u16(6)) }
}

/// Message types (IANA's "IGMP type numbers").
enum MessageType {
  static let query: UInt8 = 0x11
  static let v1Report: UInt8 = 0x12
  static let v2Report: UInt8 = 0x16
  static let leave: UInt8 = 0x17
  static let v3Report: UInt8 = 0x22
}

/// What a version 3 query has behind the common part (RFC 3376, section 4.1): its number of sources, then these.
enum V3Query {
  static let size = 12
  static let sourceCountOffset = 10
  static let sourceSize = 4
}

/// The address of a group, as a number.
struct Group: Equatable {
  let number: UInt32

  /// A query about no group asks for all.
  static let any = Group(number: 0)

  /// In 224.0.0.0/4.
  var isMulticast: Bool { number >> 28 == 0xe }
  /// 224.0.0.1 is everybody's, always, and never reported (RFC 3376, section 6).
  var isReportable: Bool { isMulticast && number != 0xe000_0001 }
}
