/// Packets of the network layer on their way out (`if_output` in ifnet.h).
extension Packet {
  /// Sends the packet by an interface to an IPv4 station or group on its link, whose address is given as a number. 0 or an
  /// errno value; it may wait until its link-level address is known.
  @inlinable @discardableResult
  public consuming func output(by interface: Interface, toIPv4 address: UInt32) -> Int32 {
    var bytes = address.bigEndian
    return unsafe if_output(interface.ifp, release(), 4, &bytes)
  }

  /// Sends the packet by an interface to an IPv6 station or group on its link, whose address is given as two numbers. 0 or
  /// an errno value; it may wait until its link-level address is known.
  @inlinable @discardableResult
  public consuming func output(by interface: Interface, toIPv6High high: UInt64, low: UInt64) -> Int32 {
    var words = (high.bigEndian, low.bigEndian)
    return unsafe if_output(interface.ifp, release(), 6, &words)
  }

  /// Of a packet that was handed over for address resolution: the IPv6 address, as two numbers, to which `interface` is
  /// to send it.
  @inlinable
  public var nextHopIPv6: (high: UInt64, low: UInt64)? {
    guard flags & M_NEXTHOP != 0 else { return nil }
    // In bounds: as in `nextHopIPv4`.
    return unsafe withUnsafeBytes(of: &head.pointee.m_pkthdr.ph_loc) { words in
      guard unsafe words.load(fromByteOffset: 16, as: UInt32.self) == 6 else { return nil }
      return unsafe (
        UInt64(bigEndian: words.load(as: UInt64.self)),
        UInt64(bigEndian: words.load(fromByteOffset: 8, as: UInt64.self))
      )
    }
  }

  /// Of a packet that was handed over for address resolution: the IPv4 address, as a number, to which `interface` is to
  /// send it.
  @inlinable
  public var nextHopIPv4: UInt32? {
    guard flags & M_NEXTHOP != 0 else { return nil }
    // In bounds: ph_loc has the 24 bytes of struct if_nexthop, which begins with the address.
    return unsafe withUnsafeBytes(of: &head.pointee.m_pkthdr.ph_loc) { words in
      unsafe words.load(fromByteOffset: 16, as: UInt32.self) == 4
        ? UInt32(bigEndian: words.load(as: UInt32.self)) : nil
    }
  }
}
