import NetISRPlugin

/// The CRC-32 of AAL5 (I.363.5, 9.2.1.2): polynomial 04C11DB7, highest bit first, starting from all ones.
///
/// Eight bytes per step ("slicing by 8"): row k of the tables is the CRC of a byte that k zero bytes follow.
struct CRC32 {
  /// The remainder over a PDU with its CRC field, when the field is right: so nobody needs to know where the field is.
  static let residue: UInt32 = 0xc704_dd7b

  private(set) var remainder: UInt32 = 0xffff_ffff

  /// Adds bytes.
  mutating func add(_ bytes: RawSpan) {
    var index = 0
    var crc = remainder
    let count = bytes.byteCount
    // In bounds: index + 8 <= count.
    while index &+ 8 <= count {
      let high = crc ^ bytes.u32(index)
      let low = bytes.u32(index &+ 4)
      let first = unsafe crc32[7, high >> 24] ^ crc32[6, high >> 16] ^ crc32[5, high >> 8] ^ crc32[4, high]
      let second = unsafe crc32[3, low >> 24] ^ crc32[2, low >> 16] ^ crc32[1, low >> 8] ^ crc32[0, low]
      crc = first ^ second
      index &+= 8
    }
    while index < count {
      crc = unsafe crc << 8 ^ crc32[0, crc >> 24 ^ UInt32(bytes.u8(index))]
      index &+= 1
    }
    remainder = crc
  }
}

/// The tables of `CRC32`.
struct CRC32Tables {
  private var rows: InlineArray<2048, UInt32> = .init(repeating: 0)

  /// The CRC of a byte that `row` zero bytes follow; of `value`, the lowest byte counts.
  @inline(__always)
  subscript(row: Int, value: UInt32) -> UInt32 {
    // In bounds: row is 0 to 7, a literal at every use.
    rows[row &* 256 &+ Int(value & 0xff)]
  }

  /// Computes the tables.
  mutating func fill() {
    for value in 0..<256 {
      var crc = UInt32(value) << 24
      for _ in 0..<8 {
        crc = crc & 0x8000_0000 == 0 ? crc << 1 : crc << 1 ^ 0x04c1_1db7
      }
      rows[value] = crc
    }
    for index in 256..<2048 {
      let crc = rows[index &- 256]
      rows[index] = crc << 8 ^ rows[Int(crc >> 24)]
    }
  }
}

/// Written once, during registration, before any packet.
@exclusivity(unchecked) nonisolated(unsafe) var crc32 = CRC32Tables()

extension Packet {
  /// The remainder of the CRC-32 over the whole packet, piece by piece.
  var crc32Remainder: UInt32 {
    var crc = CRC32()
    forEachPiece { crc.add($0) }
    return crc.remainder
  }
}
