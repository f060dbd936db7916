import NetISRPlugin

/// Packets that left the table, in order. Whoever has the value owns them, and takes them all.
///
/// Invariant: `first` and `last` are the ends of a queue by m_nextpkt, or both nil.
@safe
struct PacketQueue {
  private var first: UnsafeMutablePointer<mbuf>?
  private var last: UnsafeMutablePointer<mbuf>?

  init() { unsafe (first, last) = (nil, nil) }

  init(first: UnsafeMutablePointer<mbuf>?, last: UnsafeMutablePointer<mbuf>?) {
    unsafe (self.first, self.last) = unsafe (first, last)
  }

  mutating func append(_ other: PacketQueue) {
    guard let next = unsafe other.first else { return }
    if let last = unsafe last {
      unsafe last.pointee.m_nextpkt = next
    } else {
      unsafe first = next
    }
    unsafe last = other.last
  }

  mutating func takeFirst() -> UnsafeMutablePointer<mbuf>? {
    guard let taken = unsafe first else { return nil }
    unsafe first = taken.pointee.m_nextpkt
    if unsafe first == nil { unsafe last = nil }
    unsafe taken.pointee.m_nextpkt = nil
    return unsafe taken
  }
}
