/// Packets that wait in a table's entry: the first field of the value of a table with TABLE_HOLDS_MBUFS, so that the
/// host frees them with the entry (struct table_held in table.h).
///
/// Invariant: `held.th_chain` and `last` are the first and the last packet of a queue by m_nextpkt, which the entry alone
/// owns, or both nil; touched only while the entry is locked.
@safe @frozen
public struct HeldPackets: BitwiseCopyable {
  @usableFromInline var held: table_held
  @usableFromInline var last: UnsafeMutablePointer<mbuf>?

  /// How many there are.
  @inlinable
  public var count: Int { unsafe Int(held.th_packets) }

  /// Adds a packet behind at most `limit` - 1 others; the oldest that had to go for it.
  @inlinable
  public mutating func append(_ packet: UnsafeMutablePointer<mbuf>, limit: Int) -> UnsafeMutablePointer<mbuf>? {
    let dropped = unsafe count >= limit ? takeFirst() : nil
    unsafe packet.pointee.m_nextpkt = nil
    if let last = unsafe last {
      unsafe last.pointee.m_nextpkt = packet
    } else {
      unsafe held.th_chain = packet
    }
    unsafe last = packet
    unsafe held.th_packets &+= 1
    unsafe held.th_bytes &+= UInt32(truncatingIfNeeded: packet.pointee.m_pkthdr.len)
    return unsafe dropped
  }

  /// Takes all packets out.
  @inlinable
  public mutating func takeAll() -> PacketQueue {
    let queue = unsafe PacketQueue(first: held.th_chain, last: last)
    unsafe held = table_held()
    unsafe last = nil
    return queue
  }

  @inlinable
  mutating func takeFirst() -> UnsafeMutablePointer<mbuf>? {
    guard let first = unsafe held.th_chain else { return nil }
    unsafe held.th_chain = first.pointee.m_nextpkt
    if unsafe held.th_chain == nil { unsafe last = nil }
    unsafe first.pointee.m_nextpkt = nil
    unsafe held.th_packets &-= 1
    unsafe held.th_bytes &-= UInt32(truncatingIfNeeded: first.pointee.m_pkthdr.len)
    return unsafe first
  }
}
