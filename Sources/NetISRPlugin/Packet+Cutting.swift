/// Cutting packets, and writing into their beginning.
extension Packet {
  /// Cuts the packet after `count` bytes, and gives out what is behind as a packet of its own, which may share storage with
  /// this one. Nil, and nothing is changed, when memory runs out or the packet is not longer.
  @inlinable
  public mutating func split(at count: Int) -> Packet? {
    guard count >= 0, count < self.count else { return nil }
    guard let tail = unsafe m_split(head, Int32(truncatingIfNeeded: count), M_NOWAIT) else { return nil }
    return unsafe Packet(adopting: tail)
  }

  /// Makes the first `count` bytes, at most `MLEN`, contiguous and such that they may be written through
  /// `mutableBytes`. What lies behind may still be shared with other packets. Nil, and the packet is gone, when it is
  /// shorter or memory runs out.
  @inlinable
  public consuming func writableHeader(_ count: Int) -> Packet? {
    guard count <= self.count, let packet = contiguous(count) else { return nil }
    if unsafe packet.head.pointee.m_flags & M_RDONLY == 0 { return packet }
    return packet.writable()
  }

  /// Makes this a packet that came in by `interface` at `time`: nanoseconds since the epoch by the interface's clock.
  @inlinable
  public mutating func setArrival(by interface: Interface, at time: UInt64) {
    unsafe head.pointee.m_pkthdr.rcvif = interface.ifp
    unsafe head.pointee.m_pkthdr.rcv_tstmp = time
  }

  /// Whether the receiving interface has checked the transport layer's checksum and found it right.
  @inlinable
  public var isTransportChecksumVerified: Bool {
    let verified = CSUM_L4_CALC | CSUM_L4_VALID
    return unsafe head.pointee.m_pkthdr.csum_flags & verified == verified
  }

  /// Forgets what the receiving interface said of checksums: they are being changed.
  @inlinable
  public mutating func clearChecksumFlags() {
    unsafe head.pointee.m_pkthdr.csum_flags = 0
  }
}
