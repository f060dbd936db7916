import CNetISR
import NetISR

/// Frames that wait at one end of a pair, linked by m_nextpkt. Everything in it is guarded by `lock`.
@safe
final class SendQueue: @unchecked Sendable {
  let lock = Lock()
  var statistics = InterfacePair.Statistics()

  private(set) var first: UnsafeMutablePointer<mbuf>?
  private var last: UnsafeMutablePointer<mbuf>?

  var isEmpty: Bool { unsafe first == nil }

  func append(_ m: UnsafeMutablePointer<mbuf>) {
    unsafe m.pointee.m_nextpkt = nil
    if let last = unsafe last {
      unsafe last.pointee.m_nextpkt = m
    } else {
      unsafe first = m
    }
    unsafe last = m
    statistics.waiting += 1
  }

  func removeFirst() {
    guard let m = unsafe first else { return }
    unsafe first = m.pointee.m_nextpkt
    unsafe m.pointee.m_nextpkt = nil
    if unsafe first == nil { unsafe last = nil }
    statistics.waiting -= 1
  }

  func putBack(_ m: UnsafeMutablePointer<mbuf>) {
    unsafe m.pointee.m_nextpkt = first
    if unsafe first == nil { unsafe last = m }
    unsafe first = m
    statistics.waiting += 1
  }
}
