/// The Internet checksum (RFC 1071): the one's complement sum of 16-bit words.
public struct InternetChecksum {
  /// The sum so far, not yet folded; words in network order.
  @usableFromInline var sum: UInt64 = 0
  /// Whether an odd number of bytes was added: the next byte is a low one.
  @usableFromInline var odd = false

  /// An empty sum.
  @inlinable
  public init() {}

  /// Adds one 16-bit word, at an even position.
  @inlinable
  public mutating func add(_ word: UInt16) {
    sum &+= UInt64(word)
  }

  /// Adds 32 bits, at an even position.
  @inlinable
  public mutating func add(_ word: UInt32) {
    // As one number: its upper half counts 65,536 times as much, which in one's complement of 16 bits is once.
    sum &+= UInt64(word)
  }

  /// Adds bytes; they may start and end at odd positions of the whole.
  @inlinable
  public mutating func add(_ bytes: RawSpan) {
    unsafe bytes.withUnsafeBytes { unsafe add($0) }
  }

  @usableFromInline
  mutating func add(_ bytes: UnsafeRawBufferPointer) {
    var index = 0
    let count = bytes.count
    if odd, count > 0 {
      sum &+= unsafe UInt64(bytes[0])
      odd = false
      index = 1
    }
    // In bounds: index + 8 <= count. The carry of a 64-bit add is added back, which one's complement allows.
    while index &+ 8 <= count {
      let word = unsafe UInt64(bigEndian: bytes.loadUnaligned(fromByteOffset: index, as: UInt64.self))
      sum &+= (word >> 32) &+ (word & 0xffff_ffff)
      index &+= 8
    }
    while index &+ 2 <= count {
      sum &+= unsafe UInt64(UInt16(bigEndian: bytes.loadUnaligned(fromByteOffset: index, as: UInt16.self)))
      index &+= 2
    }
    if index < count {
      sum &+= unsafe UInt64(bytes[index]) << 8
      odd = true
    }
  }

  /// The checksum: the folded sum's complement. 0 over data that include a right checksum.
  @inlinable
  public var value: UInt16 {
    var folded = sum
    while folded > 0xffff { folded = (folded >> 16) &+ (folded & 0xffff) }
    return ~UInt16(truncatingIfNeeded: folded)
  }
}

extension Packet {
  /// Adds `count` bytes of the packet from `offset` to `checksum`, across the pieces of the chain. What lies
  /// beyond the packet's end is not added.
  public func add(from offset: Int, count: Int, to checksum: inout InternetChecksum) {
    var skip = offset
    var left = count
    var piece: UnsafeMutablePointer<mbuf>? = unsafe head
    while left > 0, let current = unsafe piece {
      let length = unsafe Int(current.pointee.m_len)
      if skip < length {
        let take = Swift.min(length &- skip, left)
        // In bounds: skip + take <= m_len, and m_data points to m_len bytes.
        unsafe checksum.add(UnsafeRawBufferPointer(start: current.pointee.m_data + skip, count: take))
        left &-= take
        skip = 0
      } else {
        skip &-= length
      }
      unsafe piece = current.pointee.m_next
    }
  }
}
