extension Packet {
  /// Makes this a packet that came in where and when `other` did: one that was put together of several.
  @inlinable
  public mutating func setArrival(of other: borrowing Packet) {
    unsafe head.pointee.m_pkthdr.rcvif = other.head.pointee.m_pkthdr.rcvif
    unsafe head.pointee.m_pkthdr.rcv_tstmp = other.head.pointee.m_pkthdr.rcv_tstmp
  }

  /// Says when a packet came that was made in this host: nanoseconds since the epoch, by the clock of its interface.
  @inlinable
  public mutating func setTimestamp(_ time: UInt64) {
    unsafe head.pointee.m_pkthdr.rcv_tstmp = time
  }
}
