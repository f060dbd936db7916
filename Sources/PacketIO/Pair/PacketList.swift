import CNetISR

/// Packets in a row, linked by m_nextpkt. Its owner guards it, and empties it before it goes.
@safe
final class PacketList {
  private(set) var count = 0
  private var first: UnsafeMutablePointer<mbuf>?
  private var last: UnsafeMutablePointer<mbuf>?

  var isEmpty: Bool { count == 0 }

  func append(_ m: UnsafeMutablePointer<mbuf>) {
    unsafe m.pointee.m_nextpkt = nil
    if let last = unsafe last {
      unsafe last.pointee.m_nextpkt = m
    } else {
      unsafe first = m
    }
    unsafe last = m
    count += 1
  }

  func removeFirst() -> UnsafeMutablePointer<mbuf>? {
    guard let m = unsafe first else { return nil }
    unsafe first = m.pointee.m_nextpkt
    unsafe m.pointee.m_nextpkt = nil
    if unsafe first == nil { unsafe last = nil }
    count -= 1
    return unsafe m
  }

  func putBack(_ m: UnsafeMutablePointer<mbuf>) {
    unsafe m.pointee.m_nextpkt = first
    if unsafe first == nil { unsafe last = m }
    unsafe first = m
    count += 1
  }
}
