extension Packet {
  /// Makes this a packet that came in where and when `other` did: one that was put together of several.
  @inlinable
  public mutating func setArrival(of other: borrowing Packet) {
    unsafe head.pointee.m_pkthdr.rcvif = other.head.pointee.m_pkthdr.rcvif
    unsafe head.pointee.m_pkthdr.rcv_tstmp = other.head.pointee.m_pkthdr.rcv_tstmp
  }
}
