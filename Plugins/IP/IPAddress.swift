import NetISRPlugin

/// What kinds of addresses there are (RFC 1122, section 3.2.1.3; RFC 6890). Addresses are numbers.
enum IPAddress {
  /// 255.255.255.255: all stations of a link.
  static let broadcast: UInt32 = 0xffff_ffff

  static func isGroup(_ address: UInt32) -> Bool { address >> 28 == 0xe }

  static func isLoopback(_ address: UInt32) -> Bool { address >> 24 == 127 }

  /// 0.0.0.0/8: "this network"; 240.0.0.0/4: reserved, the limited broadcast included.
  static func isReserved(_ address: UInt32) -> Bool { address >> 24 == 0 || address >> 28 == 0xf }

  /// Of one station, anywhere but in this host itself.
  static func isUnicast(_ address: UInt32) -> Bool {
    !isGroup(address) && !isLoopback(address) && !isReserved(address)
  }

  /// May cross a router: of one station, and of more than one link (RFC 3927, section 2.7).
  static func isForwardable(_ address: UInt32) -> Bool {
    isUnicast(address) && address >> 16 != 0xa9fe
  }
}

extension Interface {
  /// The interface's own address for what goes to a station on its link: the one on that station's network, or else the
  /// first; nil when it has none.
  func sourceAddress(for station: UInt32) -> UInt32? {
    var first: UInt32?
    for index in 0..<addressCount {
      guard let own = ipv4(at: index) else { continue }
      if (own.address ^ station) & prefixMask(own.prefixLength) == 0 { return own.address }
      if first == nil { first = own.address }
    }
    return first
  }

  /// Whether a station is on one of the interface's networks.
  func isOnLink(_ station: UInt32) -> Bool {
    for index in 0..<addressCount {
      guard let own = ipv4(at: index) else { continue }
      if (own.address ^ station) & prefixMask(own.prefixLength) == 0 { return true }
    }
    return false
  }
}

/// The mask of a prefix of 0 to 32 bits.
func prefixMask(_ length: UInt32) -> UInt32 {
  length == 0 ? 0 : UInt32.max << (32 &- min(length, 32))
}
