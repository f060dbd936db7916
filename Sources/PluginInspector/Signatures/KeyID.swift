/// A key's number: 8 random bytes that it shares with its signatures. It tells keys apart, and proves nothing.
public struct KeyID: Sendable, Hashable, CustomStringConvertible {
  static let size = 8
  let bytes: [UInt8]

  /// In hexadecimal, in the order of the file.
  public var description: String { String(hexOf: bytes) }
}
