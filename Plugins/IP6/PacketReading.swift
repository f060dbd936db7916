import NetISRPlugin

/// Reading numbers in network order anywhere in a packet, across the pieces of its chain: nil where the packet ends.
///
/// Offsets are never negative here: they start at 0 and grow by lengths that the packet was checked to hold.
extension Packet {
  func u8(at offset: Int) -> UInt8? {
    offset < contiguousCount ? bytes.u8(offset) : load(at: offset, initial: UInt8())
  }

  func u16(at offset: Int) -> UInt16? {
    offset &+ 2 <= contiguousCount ? bytes.u16(offset) : load(at: offset, initial: UInt16())?.bigEndian
  }

  func u32(at offset: Int) -> UInt32? {
    offset &+ 4 <= contiguousCount ? bytes.u32(offset) : load(at: offset, initial: UInt32())?.bigEndian
  }

  func u64(at offset: Int) -> UInt64? {
    offset &+ 8 <= contiguousCount ? bytes.u64(offset) : load(at: offset, initial: UInt64())?.bigEndian
  }

  func address(at offset: Int) -> IP6Address? {
    guard let high = u64(at: offset), let low = u64(at: offset &+ 8) else { return nil }
    return IP6Address(high: high, low: low)
  }
}
