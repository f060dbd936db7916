/// Addresses that have a meaning of their own, and how they are made of others (RFC 4291).
extension IP6Address {
  static let unspecified = IP6Address(high: 0, low: 0)
  /// ff02::1
  static let allNodes = IP6Address(high: 0xff02_0000_0000_0000, low: 1)
  /// ff02::2
  static let allRouters = IP6Address(high: 0xff02_0000_0000_0000, low: 2)
  /// ff02::16, where reports of MLDv2 go (RFC 3810, section 5.2.14).
  static let allListenerRouters = IP6Address(high: 0xff02_0000_0000_0000, low: 0x16)

  /// fe80:: and the interface identifier that is made of a link-level address (appendix A).
  init(linkLocalOf ether: UInt64) {
    high = 0xfe80_0000_0000_0000
    low = IP6Address.identifier(of: ether)
  }

  /// The modified EUI-64 of a link-level address of 48 bits: its universal/local bit turned over, ff:fe in the middle.
  static func identifier(of ether: UInt64) -> UInt64 {
    ((ether >> 24) ^ 0x02_0000) << 40 | 0xff_fe00_0000 | (ether & 0xff_ffff)
  }

  /// The group in which a node is looked for that has this address (section 2.7.1).
  var solicitedNode: IP6Address {
    IP6Address(high: 0xff02_0000_0000_0000, low: 0x1_ff00_0000 | (low & 0xff_ffff))
  }

  /// The Ethernet group of a multicast address (RFC 2464, section 7).
  var etherGroup: UInt64 { 0x3333_0000_0000 | (low & 0xffff_ffff) }

  /// How far the address reaches, by the numbers of multicast scopes: 2 the link, 5 the site, 14 everywhere (RFC 6724,
  /// section 3.1).
  var scope: UInt64 {
    if isMulticast { return multicastScope }
    if isLinkLocal || isLoopback { return 2 }
    return high >> 54 == 0xfec0 >> 6 ? 5 : 14
  }

  /// May be a single node's: neither :: nor ::1 nor a group nor IPv4's.
  var isHost: Bool { !isUnspecified && !isLoopback && !isMulticast && !isMappedIPv4 }

  /// The first `length` bits, then zeros.
  func prefix(_ length: UInt32) -> IP6Address {
    if length >= 128 { return self }
    if length >= 64 {
      return IP6Address(high: high, low: length == 64 ? 0 : low & (UInt64.max << UInt64(128 &- length)))
    }
    return IP6Address(high: length == 0 ? 0 : high & (UInt64.max << UInt64(64 &- length)), low: 0)
  }

  /// How many bits from the first on are the same in another address.
  func commonBits(with other: IP6Address) -> Int {
    let difference = high ^ other.high
    return difference != 0 ? difference.leadingZeroBitCount : 64 &+ (low ^ other.low).leadingZeroBitCount
  }
}

extension IP6AddressBytes {
  /// As two numbers.
  var address: IP6Address { IP6Address(high: UInt64(bigEndian: high), low: UInt64(bigEndian: low)) }
}
