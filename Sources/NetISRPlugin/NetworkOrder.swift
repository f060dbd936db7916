/// Reading and writing numbers in network order.
///
/// The contract of every header view in a plugin: the view checks once that all of its fixed part is there; its
/// accessors then read inside of that part. An access outside of a span traps, which in a plugin takes the handler down: so
/// a check comes first, always.
extension RawSpan {
  /// The byte at `offset`.
  @inlinable
  public func u8(_ offset: Int) -> UInt8 {
    unsafe unsafeLoad(fromByteOffset: offset, as: UInt8.self)
  }

  /// The two bytes at `offset`, as a number in network order.
  @inlinable
  public func u16(_ offset: Int) -> UInt16 {
    unsafe UInt16(bigEndian: unsafeLoadUnaligned(fromByteOffset: offset, as: UInt16.self))
  }

  /// The four bytes at `offset`, as a number in network order.
  @inlinable
  public func u32(_ offset: Int) -> UInt32 {
    unsafe UInt32(bigEndian: unsafeLoadUnaligned(fromByteOffset: offset, as: UInt32.self))
  }

  /// The eight bytes at `offset`, as a number in network order.
  @inlinable
  public func u64(_ offset: Int) -> UInt64 {
    unsafe UInt64(bigEndian: unsafeLoadUnaligned(fromByteOffset: offset, as: UInt64.self))
  }
}

extension MutableRawSpan {
  /// Writes one byte at `offset`.
  @inlinable @_lifetime(self: copy self)
  public mutating func setU8(_ offset: Int, _ value: UInt8) {
    storeBytes(of: value, toByteOffset: offset, as: UInt8.self)
  }

  /// Writes a number in network order at `offset`.
  @inlinable @_lifetime(self: copy self)
  public mutating func setU16(_ offset: Int, _ value: UInt16) {
    storeBytes(of: value.bigEndian, toByteOffset: offset, as: UInt16.self)
  }

  /// Writes a number in network order at `offset`.
  @inlinable @_lifetime(self: copy self)
  public mutating func setU32(_ offset: Int, _ value: UInt32) {
    storeBytes(of: value.bigEndian, toByteOffset: offset, as: UInt32.self)
  }
}
