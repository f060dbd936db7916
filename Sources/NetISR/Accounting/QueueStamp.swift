import CNetISR

// When a packet was queued: in the packet itself, in two spare fields of the cache line that both sides touch anyway.
// So every packet's delay is measured, not a sample's, and neither side touches memory for it that it would not touch
// otherwise.
//
// m_spare tells the session, 0 for none, and m_ispare the time in units of 16 ns: delays of up to 68 s are told apart.

extension UnsafeMutablePointer where Pointee == mbuf {
  /// Says that the packet is queued now.
  @inline(__always)
  func stamp(session: UInt16, now: UInt64) {
    unsafe pointee.m_spare = session
    unsafe pointee.m_ispare = UInt32(truncatingIfNeeded: now >> 4)
  }

  /// How long ago it was queued, in nanoseconds, and forgets that; nil when it was not stamped in this session.
  @inline(__always)
  func takeStamp(session: UInt16, now: UInt64) -> UInt64? {
    guard unsafe pointee.m_spare == session else { return nil }
    unsafe pointee.m_spare = 0
    return unsafe UInt64(UInt32(truncatingIfNeeded: now >> 4) &- pointee.m_ispare) << 4
  }
}
