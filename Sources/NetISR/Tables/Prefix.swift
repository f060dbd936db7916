/// An address prefix: up to 128 bits, of which the first `length` count; the others are 0.
struct Prefix: Equatable {
  var high: UInt64
  var low: UInt64
  var length: Int

  /// The key of a longest-prefix-match table: the length in host order, then the address. Nil when the length is more
  /// than the address has.
  init?(key: UnsafeRawPointer, keySize: Int) {
    let length = unsafe key.loadUnaligned(as: UInt32.self)
    guard length <= UInt32((keySize - 4) * 8) else { return nil }
    self = unsafe Prefix(address: key + 4, byteCount: keySize - 4)
    self.length = Int(length)
    mask()
  }

  /// A whole address, of 4 or 16 bytes.
  init(address: UnsafeRawPointer, byteCount: Int) {
    if byteCount == 4 {
      high = unsafe UInt64(UInt32(bigEndian: address.loadUnaligned(as: UInt32.self))) << 32
      low = 0
    } else {
      high = unsafe UInt64(bigEndian: address.loadUnaligned(as: UInt64.self))
      low = unsafe UInt64(bigEndian: address.loadUnaligned(fromByteOffset: 8, as: UInt64.self))
    }
    length = byteCount * 8
  }

  /// Writes the key of a table.
  func store(toKey key: UnsafeMutableRawPointer, keySize: Int) {
    unsafe key.storeBytes(of: UInt32(length), as: UInt32.self)
    if keySize == 8 {
      unsafe key.storeBytes(of: UInt32(truncatingIfNeeded: high >> 32).bigEndian, toByteOffset: 4, as: UInt32.self)
    } else {
      unsafe key.storeBytes(of: high.bigEndian, toByteOffset: 4, as: UInt64.self)
      unsafe key.storeBytes(of: low.bigEndian, toByteOffset: 12, as: UInt64.self)
    }
  }

  /// The bit at a position from 0, the first one of the address.
  @inline(__always)
  func bit(_ position: Int) -> Int {
    Int(truncatingIfNeeded: position < 64 ? high >> UInt64(63 &- position) : low >> UInt64(127 &- position)) & 1
  }

  /// How many first bits two addresses have in common, at most the shorter length.
  @inline(__always)
  func commonLength(_ other: Prefix) -> Int {
    let difference = high ^ other.high
    let common =
      difference != 0 ? difference.leadingZeroBitCount : 64 &+ (low ^ other.low).leadingZeroBitCount
    return min(common, length, other.length)
  }

  /// The same prefix with fewer bits.
  func shortened(to length: Int) -> Prefix {
    var shorter = self
    shorter.length = length
    shorter.mask()
    return shorter
  }

  private mutating func mask() {
    // Swift's shifts give 0 for 64 bits and more.
    high &= ~(UInt64.max >> UInt64(min(length, 64)))
    low &= length <= 64 ? 0 : ~(UInt64.max >> UInt64(length - 64))
  }
}
