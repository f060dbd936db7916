/// An IPv6 address as two numbers (RFC 4291).
struct IP6Address: Equatable, BitwiseCopyable {
  var high: UInt64
  var low: UInt64

  /// ::
  var isUnspecified: Bool { high | low == 0 }

  /// ::1
  var isLoopback: Bool { high == 0 && low == 1 }

  /// ff00::/8
  var isMulticast: Bool { high >> 56 == 0xff }

  /// fe80::/10
  var isLinkLocal: Bool { high >> 54 == 0xfe80 >> 6 }

  /// ::ffff:0:0/96, which stands for IPv4 in programs and is never on a link.
  var isMappedIPv4: Bool { high == 0 && low >> 32 == 0xffff }

  /// The scope of a multicast address (RFC 4291, section 2.7): 1 the interface, 2 the link, ...
  var multicastScope: UInt64 { (high >> 48) & 0xf }

  /// ff02::1:ff00:0/104, where a neighbour is looked for by the last bits of its address.
  var isSolicitedNode: Bool { high == 0xff02_0000_0000_0000 && low >> 24 == 0x1ff }

  /// Whether the address means different nodes on different links.
  var isLinkScoped: Bool { isLinkLocal || (isMulticast && multicastScope <= 2) }

  /// The same address as bytes in network order, for a table's key.
  var wire: IP6AddressBytes { IP6AddressBytes(high: high.bigEndian, low: low.bigEndian) }
}

/// 16 bytes in network order: how tables hold an address.
struct IP6AddressBytes: Equatable, BitwiseCopyable {
  var high: UInt64
  var low: UInt64

  static let unspecified = IP6AddressBytes(high: 0, low: 0)
}
