import NetISRPlugin

/// The fixed part of an ARP packet (RFC 826): what kinds of addresses follow, how long they are, and the operation.
///
/// Checked once by `init`; the accessors stay inside of what it checked.
struct ARPHeader: ~Escapable {
  static let size = 8

  private let bytes: RawSpan

  /// Nil when there are fewer bytes.
  @_lifetime(copy bytes)
  init?(_ bytes: RawSpan) {
    guard bytes.byteCount >= Self.size else { return nil }
    self.bytes = bytes
  }

  var hardwareType: UInt16 { bytes.u16(0) }
  var protocolType: UInt16 { bytes.u16(2) }
  var hardwareLength: UInt8 { bytes.u8(4) }
  var protocolLength: UInt8 { bytes.u8(5) }
  var operation: UInt16 { bytes.u16(6) }
}

/// The kinds of hardware whose addresses are those of Ethernet (IANA's ARP parameters).
enum HardwareType {
  static let ethernet: UInt16 = 1
  /// Behind an 802.2 header.
  static let ieee802: UInt16 = 6
}

/// What the packet is for.
enum Operation {
  static let request: UInt16 = 1
  static let reply: UInt16 = 2
}

/// A whole ARP packet for IPv4 over Ethernet.
///
/// Checked once by `init`; the accessors stay inside of what it checked.
struct ARPPacket: ~Escapable {
  static let size = 28
  /// The type under which Ethernet carries IPv4.
  static let ip: UInt16 = 0x0800

  private let bytes: RawSpan

  /// The reason to drop the packet when it is of another kind, or not all there.
  @_lifetime(copy bytes)
  init(_ bytes: RawSpan) throws(DropReason) {
    guard let header = ARPHeader(bytes) else { throw .badLength }
    guard header.hardwareType == HardwareType.ethernet || header.hardwareType == HardwareType.ieee802 else {
      throw .badHardwareType
    }
    guard header.protocolType == Self.ip else { throw .badProtocolType }
    guard header.hardwareLength == 6, header.protocolLength == 4, bytes.byteCount >= Self.size else {
      throw .badLength
    }
    self.bytes = bytes
  }

  var operation: UInt16 { bytes.u16(6) }
  var senderHardware: LinkAddress { LinkAddress(high: bytes.u16(8), low: bytes.u32(10)) }
  var senderProtocol: IPv4Address { IPv4Address(number: bytes.u32(14)) }
  var targetProtocol: IPv4Address { IPv4Address(number: bytes.u32(24)) }
}

/// An address of six bytes, as a number.
struct LinkAddress: Equatable {
  let number: UInt64

  init(number: UInt64) {
    self.number = number
  }

  init(high: UInt16, low: UInt32) {
    number = UInt64(high) << 32 | UInt64(low)
  }

  /// Of one station: neither a group (broadcast is one, too) nor nobody. A station that claims another address would
  /// turn what is sent to it into broadcasts (RFC 1812, section 3.3.2).
  var isStation: Bool { number >> 40 & 1 == 0 && number != 0 }
}

/// An IPv4 address, as a number.
struct IPv4Address: Equatable {
  let number: UInt32

  /// "This host": what a probe has as its sender.
  static let unspecified = IPv4Address(number: 0)

  /// May be a sender's (RFC 1122, section 3.2.1.3): not of "this network", not loopback, no group, not broadcast.
  var isHost: Bool {
    let first = number >> 24
    return first != 0 && first != 127 && number >> 28 != 0xe && number != 0xffff_ffff
  }
}
