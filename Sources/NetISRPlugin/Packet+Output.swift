/// Datagrams made in this host, on their way out.
extension Packet {
  /// Gives a datagram that begins with an IPv4 header to ip, which sends it: 0 or an errno value. The header's length,
  /// type of service, fragment flags, TTL, protocol and destination count; a source of 0.0.0.0 is chosen, and ip fills
  /// in total length, identification and checksum.
  @inlinable @discardableResult
  public consuming func sendIPv4() -> Int32 {
    flags |= M_LOCALOUT
    return dispatch(to: NETISR_IP)
  }

  /// Gives a datagram that begins with an IPv6 header to ip6, which sends it: 0 or an errno value. Traffic class, next
  /// header, hop limit and destination count; a source of :: is chosen, and ip6 fills in the payload length.
  @inlinable @discardableResult
  public consuming func sendIPv6() -> Int32 {
    flags |= M_LOCALOUT
    return dispatch(to: NETISR_IPV6)
  }

  /// Made in this host, to be sent.
  @inlinable
  public var isLocalOutput: Bool { flags & M_LOCALOUT != 0 }

  /// Says by which interface a packet made in this host is to go to a group, and in which vnet it is.
  @inlinable
  public mutating func setInterface(_ interface: Interface) {
    unsafe head.pointee.m_pkthdr.rcvif = interface.ifp
  }
}
