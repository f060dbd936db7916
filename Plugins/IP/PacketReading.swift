import NetISRPlugin

/// Reading numbers in network order anywhere in a packet, across the pieces of its chain; nil where the packet ends.
///
/// ip looks at few bytes of a packet and changes none: reading them where they lie is cheaper than bringing them
/// together, and can't fail for want of memory.
extension Packet {
  /// The byte at `offset`, which is not negative.
  func octet(at offset: Int) -> UInt8? {
    if offset < contiguousCount { return bytes.u8(offset) }
    guard let word = gathered(at: offset, count: 1) else { return nil }
    return UInt8(truncatingIfNeeded: word >> 24)
  }

  /// The four bytes at `offset`, which is not negative.
  func word(at offset: Int) -> UInt32? {
    if offset &+ 4 <= contiguousCount { return bytes.u32(offset) }
    return gathered(at: offset, count: 4)
  }

  /// `count` bytes, at most 4, in the high end of a number.
  @inline(never)
  private func gathered(at offset: Int, count: Int) -> UInt32? {
    var number: UInt32 = 0
    let isThere = unsafe withUnsafeMutableBytes(of: &number) { storage in
      // The first `count` bytes of the four.
      var wanted = unsafe MutableRawSpan(_unsafeBytes: storage[0..<count])
      return copyBytes(from: offset, to: &wanted)
    }
    return isThere ? UInt32(bigEndian: number) : nil
  }
}
