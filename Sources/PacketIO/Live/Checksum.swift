/// The Internet checksum (RFC 1071), as a sender finishes it that had left it to its device.
enum Checksum {
  /// Finishes a layer 4 checksum: at `start + field` there is the sum of the pseudo header; the sum of all from `start` on
  /// takes its place. False, and nothing is changed, when these are outside of the frame.
  static func complete(_ frame: UnsafeMutableRawBufferPointer, from start: Int, fieldAt field: Int) -> Bool {
    guard start + field + 2 <= frame.count, start > 0 else { return false }
    let sum = unsafe sum(UnsafeRawBufferPointer(rebasing: frame[start...]))
    let value = ~fold(sum)
    // 0 is "none" to UDP, and the same as 0xffff to all others.
    unsafe store(value == 0 ? 0xffff : value, in: frame, at: start + field)
    return true
  }

  /// The sum of 16-bit words, most significant byte first; an odd last byte is the upper half of a word.
  static func sum(_ bytes: UnsafeRawBufferPointer, adding initial: UInt64 = 0) -> UInt64 {
    var sum: UInt64 = 0
    var offset = 0
    // Words of four bytes in this machine's order: a sum of halves does not mind, once its bytes are swapped.
    while offset &+ 4 <= bytes.count {
      sum &+= UInt64(unsafe bytes.loadUnaligned(fromByteOffset: offset, as: UInt32.self))
      offset &+= 4
    }
    if offset &+ 2 <= bytes.count {
      sum &+= UInt64(unsafe bytes.loadUnaligned(fromByteOffset: offset, as: UInt16.self))
      offset &+= 2
    }
    if offset < bytes.count { sum &+= UInt64(UInt16(littleEndian: UInt16(unsafe bytes[offset]))) }
    return initial &+ UInt64(UInt16(bigEndian: fold(sum)))
  }

  /// A sum in 16 bits, with all carries added.
  static func fold(_ sum: UInt64) -> UInt16 {
    var sum = sum
    while sum > 0xffff { sum = (sum & 0xffff) &+ (sum >> 16) }
    return UInt16(sum)
  }

  /// Writes two bytes, most significant first.
  static func store(_ value: UInt16, in bytes: UnsafeMutableRawBufferPointer, at offset: Int) {
    unsafe bytes.storeBytes(of: value.bigEndian, toByteOffset: offset, as: UInt16.self)
  }
}
