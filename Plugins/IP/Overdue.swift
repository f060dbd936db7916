import NetISRPlugin

/// The beginnings of datagrams that were given up, until their entries are no longer locked and their senders can be told.
@safe
struct Overdue {
  /// More at once are beyond what may be told anyway.
  private static let limit = 64

  // A list by m_nextpkt of packets that this value owns.
  private var first: UnsafeMutablePointer<mbuf>?
  private var count = 0

  init() { unsafe first = nil }

  mutating func add(_ datagram: Datagram) {
    guard count < Self.limit, let beginning = unsafe datagram.beginning() else { return }
    unsafe beginning.pointee.m_nextpkt = first
    unsafe first = beginning
    count &+= 1
  }

  mutating func takeFirst() -> UnsafeMutablePointer<mbuf>? {
    guard let taken = unsafe first else { return nil }
    unsafe first = taken.pointee.m_nextpkt
    unsafe taken.pointee.m_nextpkt = nil
    return unsafe taken
  }

  /// Tells the sender of a datagram that its rest did not come (RFC 792; RFC 1122, section 3.3.2).
  static func tell(_ beginning: consuming Packet) {
    guard let header = IPHeader(of: beginning) else { return }
    ICMPError.reassemblyTimeExceeded.send(about: beginning, header)
  }
}
