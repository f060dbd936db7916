/// Packets that left a table, in order. Whoever has the value owns them, and takes them all.
///
/// Invariant: `first` and `last` are the ends of a queue by m_nextpkt, or both nil.
@safe @frozen
public struct PacketQueue: BitwiseCopyable {
  @usableFromInline var first: UnsafeMutablePointer<mbuf>?
  @usableFromInline var last: UnsafeMutablePointer<mbuf>?

  /// No packets.
  @inlinable
  public init() { unsafe (first, last) = (nil, nil) }

  @inlinable
  init(first: UnsafeMutablePointer<mbuf>?, last: UnsafeMutablePointer<mbuf>?) {
    unsafe (self.first, self.last) = unsafe (first, last)
  }

  /// Puts all of another queue's packets behind its own.
  @inlinable
  public mutating func append(_ other: PacketQueue) {
    guard let next = unsafe other.first else { return }
    if let last = unsafe last {
      unsafe last.pointee.m_nextpkt = next
    } else {
      unsafe first = next
    }
    unsafe last = other.last
  }

  /// Takes the first packet out.
  @inlinable
  public mutating func takeFirst() -> Packet? {
    guard let taken = unsafe first else { return nil }
    unsafe first = taken.pointee.m_nextpkt
    if unsafe first == nil { unsafe last = nil }
    unsafe taken.pointee.m_nextpkt = nil
    return unsafe Packet(adopting: taken)
  }
}
