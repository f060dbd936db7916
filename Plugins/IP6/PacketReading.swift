import NetISRPlugin

/// Reading numbers in network order anywhere in a packet, across the pieces of its chain: nil where the packet ends.
///
/// Offsets are never negative here: they start at 0 and grow by lengths that the packet was checked to hold.
extension Packet {
  func u8(at offset: Int) -> UInt8? {
    if offset < contiguousCount { return bytes.u8(offset) }
    guard let word = gathered(at: offset, count: 1) else { return nil }
    return UInt8(truncatingIfNeeded: word >> 56)
  }

  func u16(at offset: Int) -> UInt16? {
    if offset &+ 2 <= contiguousCount { return bytes.u16(offset) }
    guard let word = gathered(at: offset, count: 2) else { return nil }
    return UInt16(truncatingIfNeeded: word >> 48)
  }

  func u32(at offset: Int) -> UInt32? {
    if offset &+ 4 <= contiguousCount { return bytes.u32(offset) }
    guard let word = gathered(at: offset, count: 4) else { return nil }
    return UInt32(truncatingIfNeeded: word >> 32)
  }

  func u64(at offset: Int) -> UInt64? {
    if offset &+ 8 <= contiguousCount { return bytes.u64(offset) }
    return gathered(at: offset, count: 8)
  }

  func address(at offset: Int) -> IP6Address? {
    guard let high = u64(at: offset), let low = u64(at: offset &+ 8) else { return nil }
    return IP6Address(high: high, low: low)
  }

  /// `count` bytes, at most 8, in the high end of a number.
  @inline(never)
  private func gathered(at offset: Int, count: Int) -> UInt64? {
    var storage = InlineArray<8, UInt8>(repeating: 0)
    var span = storage.mutableSpan
    var bytes = unsafe span.mutableBytes
    var wanted = bytes._mutatingExtracting(first: count)
    guard copyBytes(from: offset, to: &wanted) else { return nil }
    return unsafe storage.span.bytes.u64(0)
  }
}
