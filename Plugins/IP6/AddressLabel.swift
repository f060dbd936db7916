/// The labels of the default policy table (RFC 6724, section 2.1): an address is best spoken to from one of its own kind.
enum AddressLabel {
  static func label(of address: IP6Address) -> UInt8 {
    // From the longest prefix to the shortest.
    if address.high == 0 {
      if address.low == 1 { return 0 }
      // ::ffff:0:0/96, and ::/96, which is deprecated.
      if address.low >> 32 == 0xffff { return 4 }
      if address.low >> 32 == 0 { return 3 }
    }
    // 2001::/32, Teredo.
    if address.high >> 32 == 0x2001_0000 { return 5 }
    switch address.high >> 48 {
    case 0x2002: return 2  // 6to4
    case 0x3ffe: return 12  // 6bone
    case 0xfec0...0xfeff: return 11  // fec0::/10, site-local
    case 0xfc00...0xfdff: return 13  // fc00::/7, unique local
    default: return 1
    }
  }
}
