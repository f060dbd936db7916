@_exported import CNetISR

/// A packet that its holder owns: an mbuf chain with a packet header.
///
/// A packet is used up exactly once: handed on (`dispatch`, `queue`, `release`), or freed when the last holder lets go of
/// it. Its data may lie in several mbufs; `contiguous(_:)` brings the first bytes together, and only these are
/// reachable through `bytes`.
///
/// Invariant: `head` is the head of a chain that nobody else holds, and has M_PKTHDR.
@safe @frozen
public struct Packet: ~Copyable {
  @usableFromInline let head: UnsafeMutablePointer<mbuf>

  /// Takes over a chain that the host handed to this plugin.
  @inlinable
  public init(adopting head: UnsafeMutablePointer<mbuf>) {
    unsafe self.head = head
  }

  /// A new, empty packet with room for `MCLBYTES` bytes in one piece; nil when the host's memory bound is reached.
  @inlinable
  public static func make() -> Packet? {
    guard let head = unsafe m_getcl(M_NOWAIT, MT_DATA, Int32(M_PKTHDR)) else { return nil }
    return unsafe Packet(adopting: head)
  }

  /// A new, empty packet with room for `MLEN` bytes in one piece; nil when the host's memory bound is reached.
  @inlinable
  public static func makeSmall() -> Packet? {
    guard let head = unsafe m_gethdr(M_NOWAIT, MT_DATA) else { return nil }
    return unsafe Packet(adopting: head)
  }

  deinit {
    unsafe m_freem(head)
  }

  /// Gives the chain away: the caller owns it now.
  @inlinable
  public consuming func release() -> UnsafeMutablePointer<mbuf> {
    let chain = unsafe head
    discard self
    return unsafe chain
  }

  // MARK: Lengths

  /// Bytes in the whole packet.
  @inlinable
  public var count: Int {
    unsafe Int(head.pointee.m_pkthdr.len)
  }

  /// Bytes in the first piece: what `bytes` shows.
  @inlinable
  public var contiguousCount: Int {
    unsafe Int(head.pointee.m_len)
  }

  /// Bytes that this packet had on the wire; more than `count` when a capture kept only the beginning.
  @inlinable
  public var wireCount: Int {
    let wire = unsafe Int(head.pointee.m_pkthdr.wirelen)
    return wire > count ? wire : count
  }

  // MARK: Bytes

  /// The first piece of the packet, for reading.
  @inlinable
  public var bytes: RawSpan {
    @_lifetime(borrow self)
    get {
      let span = unsafe RawSpan(
        _unsafeStart: UnsafeRawPointer(head.pointee.m_data), byteCount: Int(head.pointee.m_len))
      return unsafe _overrideLifetime(span, borrowing: self)
    }
  }

  /// The first piece of the packet, for writing. Only of a packet whose storage is not shared: see `writable()`.
  @inlinable
  public var mutableBytes: MutableRawSpan {
    @_lifetime(&self)
    mutating get {
      let span = unsafe MutableRawSpan(
        _unsafeStart: UnsafeMutableRawPointer(head.pointee.m_data), byteCount: Int(head.pointee.m_len))
      return unsafe _overrideLifetime(span, mutating: &self)
    }
  }

  /// Brings the first `count` bytes together (m_pullup); nil, and the packet is gone, when it is shorter than that
  /// or memory ran out. `count` is at most `MCLBYTES`.
  @inlinable
  public consuming func contiguous(_ count: Int) -> Packet? {
    if count <= contiguousCount { return self }
    guard let pulled = unsafe m_pullup(release(), Int32(truncatingIfNeeded: count)) else { return nil }
    return unsafe Packet(adopting: pulled)
  }

  /// A packet with the same content whose bytes may be written: itself, or a deep copy of a shared one.
  @inlinable
  public consuming func writable() -> Packet? {
    // The host marks every piece whose storage is shared.
    var piece: UnsafeMutablePointer<mbuf>? = unsafe head
    while let current = unsafe piece, unsafe current.pointee.m_flags & M_RDONLY == 0 {
      unsafe piece = current.pointee.m_next
    }
    guard unsafe piece != nil else { return self }
    guard let copy = unsafe m_dup(head, M_NOWAIT) else { return nil }
    return unsafe Packet(adopting: copy)
  }

  /// Copies `destination.byteCount` bytes from `offset`, across the pieces of the chain; false, with nothing copied,
  /// when the packet is shorter.
  @inlinable
  public func copyBytes(from offset: Int, to destination: inout MutableRawSpan) -> Bool {
    let count = destination.byteCount
    guard offset >= 0, count <= self.count, offset <= self.count - count else { return false }
    return unsafe destination.withUnsafeMutableBytes { buffer in
      guard let base = buffer.baseAddress else { return true }
      return unsafe m_copydata(head, Int32(offset), Int32(count), base) == 0
    }
  }

  // MARK: Trimming and joining

  /// Removes the first `count` bytes, all when there are fewer; they count no more in `wireCount` either.
  @inlinable
  public mutating func removeFirst(_ count: Int) {
    let removed = Swift.min(count, self.count)
    if removed >= 0, removed <= contiguousCount {
      // What m_adj() does when the first piece has all of it: link headers, mostly.
      unsafe head.pointee.m_data += removed
      unsafe head.pointee.m_len &-= Int32(truncatingIfNeeded: removed)
      unsafe head.pointee.m_pkthdr.len &-= Int32(truncatingIfNeeded: removed)
    } else {
      unsafe m_adj(head, Int32(truncatingIfNeeded: removed))
    }
    let wire = unsafe Int(head.pointee.m_pkthdr.wirelen)
    unsafe head.pointee.m_pkthdr.wirelen = UInt32(truncatingIfNeeded: Swift.max(wire &- removed, 0))
  }

  /// Removes bytes from the end until `count` are left: link-level padding. Of a packet of which only the beginning was
  /// captured, `wireCount` is what shrinks.
  @inlinable
  public mutating func truncate(to count: Int) {
    if count < self.count { unsafe m_adj(head, Int32(truncatingIfNeeded: count - self.count)) }
    let wire = unsafe Int(head.pointee.m_pkthdr.wirelen)
    unsafe head.pointee.m_pkthdr.wirelen = UInt32(truncatingIfNeeded: Swift.min(wire, Swift.max(count, 0)))
  }

  /// Appends a copy of `source`; false when memory ran out.
  @inlinable
  public mutating func append(_ source: RawSpan) -> Bool {
    unsafe source.withUnsafeBytes { buffer in
      guard let base = buffer.baseAddress else { return true }
      return unsafe m_append(head, Int32(truncatingIfNeeded: buffer.count), base.assumingMemoryBound(to: CChar.self))
        == 1
    }
  }

  /// Appends the bytes of `other`, without copying where that is possible.
  @inlinable
  public mutating func append(_ other: consuming Packet) {
    unsafe head.pointee.m_pkthdr.len &+= other.head.pointee.m_pkthdr.len
    unsafe m_cat(head, other.release())
  }

  /// Makes room for `count` (at most `MLEN`) bytes in front, to be written through `mutableBytes`; nil, and the packet
  /// is gone, when memory ran out.
  @inlinable
  public consuming func prepending(_ count: Int) -> Packet? {
    guard let longer = unsafe m_prepend(release(), Int32(truncatingIfNeeded: count), M_NOWAIT) else { return nil }
    return unsafe Packet(adopting: longer)
  }

  /// A second packet with the same bytes, which must not be written; nil when memory ran out.
  @inlinable
  public func copy() -> Packet? {
    guard let copy = unsafe m_copypacket(head, M_NOWAIT) else { return nil }
    return unsafe Packet(adopting: copy)
  }
}
