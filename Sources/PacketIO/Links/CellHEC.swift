/// The header error control octet of an ATM cell: the remainder of the first four octets, times x^8, by the generator
/// x^8 + x^2 + x + 1, with the coset leader 01010101 added (ITU-T I.432.1, 4.3.2).
enum CellHEC {
  /// The fifth octet for a header whose first four octets are `header`, most significant first.
  static func octet(for header: UInt32) -> UInt8 {
    var remainder: UInt8 = 0
    for octet in 0..<4 {
      remainder = table[Int(remainder ^ UInt8(truncatingIfNeeded: header >> (24 - 8 * octet)))]
    }
    return remainder ^ 0x55
  }

  private static let table: [UInt8] = (0..<256).map { value in
    (0..<8).reduce(UInt8(value)) { rest, _ in rest & 0x80 == 0 ? rest << 1 : rest << 1 ^ 0x07 }
  }
}
