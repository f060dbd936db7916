/// Reads a packet from front to back, once, across the pieces of its chain: for lists that may be longer than
/// `contiguous(_:)` can bring together. Its cost is the bytes it passes, however the chain is cut.
///
/// Invariant: `offset` is inside of `piece` or at its end, and `left` bytes at most will be read from there.
@safe
public struct PacketCursor: ~Escapable {
  @usableFromInline var piece: UnsafeMutablePointer<mbuf>?
  @usableFromInline var offset: Int
  /// Bytes up to the end that `init` was given.
  public private(set) var left: Int

  /// At `offset` of `packet`, with `count` bytes to read; fewer when the packet ends before.
  @_lifetime(borrow packet)
  public init(_ packet: borrowing Packet, from offset: Int, count: Int) {
    unsafe piece = packet.head
    self.offset = 0
    left = packet.count
    guard skip(offset) else {
      left = 0
      return
    }
    left = Swift.min(left, Swift.max(count, 0))
  }

  /// Passes over `count` bytes. False, and nothing is left, when there are fewer.
  @_lifetime(self: copy self)
  public mutating func skip(_ count: Int) -> Bool {
    guard count >= 0, count <= left else {
      left = 0
      return false
    }
    left &-= count
    offset &+= count
    while let current = unsafe piece, unsafe offset > Int(current.pointee.m_len) {
      unsafe offset &-= Int(current.pointee.m_len)
      unsafe piece = current.pointee.m_next
    }
    return true
  }

  /// The next byte; nil at the end.
  @_lifetime(self: copy self)
  public mutating func u8() -> UInt8? {
    guard left > 0 else { return nil }
    while let current = unsafe piece {
      if unsafe offset < Int(current.pointee.m_len) {
        // In bounds: m_data points to m_len bytes.
        let byte = unsafe UInt8(bitPattern: current.pointee.m_data[offset])
        offset &+= 1
        left &-= 1
        return byte
      }
      offset = 0
      unsafe piece = current.pointee.m_next
    }
    left = 0
    return nil
  }

  /// The next two bytes, as a number in network order; nil when there are fewer.
  @_lifetime(self: copy self)
  public mutating func u16() -> UInt16? {
    guard let high = u8(), let low = u8() else { return nil }
    return UInt16(high) << 8 | UInt16(low)
  }

  /// The next four bytes, as a number in network order; nil when there are fewer.
  @_lifetime(self: copy self)
  public mutating func u32() -> UInt32? {
    guard let high = u16(), let low = u16() else { return nil }
    return UInt32(high) << 16 | UInt32(low)
  }
}
