extension String {
  /// A number as it is written about addresses: `0x1f0`.
  init(hex number: some BinaryInteger) {
    self = "0x" + String(number, radix: 16)
  }

  /// Bytes as two lower-case digits each.
  init(hexOf bytes: some Sequence<UInt8>) {
    let digits = Array("0123456789abcdef".utf8)
    self.init(decoding: bytes.flatMap { [digits[Int($0 >> 4)], digits[Int($0 & 15)]] }, as: UTF8.self)
  }
}
