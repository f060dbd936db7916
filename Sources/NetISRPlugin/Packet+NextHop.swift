/// Packets of the network layer on their way out (`if_output` in ifnet.h).
extension Packet {
  /// Sends the packet by an interface to an IPv4 station or group on its link, whose address is given as a number. 0 or an
  /// errno value; it may wait until its link-level address is known.
  @inlinable @discardableResult
  public consuming func output(by interface: Interface, toIPv4 address: UInt32) -> Int32 {
    var bytes = address.bigEndian
    return unsafe if_output(interface.ifp, release(), 4, &bytes)
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
