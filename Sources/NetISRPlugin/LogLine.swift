/// A line for the host's log, put together without memory; what is too long is cut.
public struct LogLine {
  @usableFromInline var text = InlineArray<160, CChar>(repeating: 0)
  @usableFromInline var count = 0

  /// An empty line.
  @inlinable
  public init() {}

  /// Adds a character of ASCII.
  @inlinable
  public mutating func append(_ byte: UInt8) {
    // The last one is the NUL.
    guard count < text.count &- 1 else { return }
    text[count] = CChar(bitPattern: byte)
    count &+= 1
  }

  /// Adds words.
  @inlinable
  public mutating func append(_ words: StaticString) {
    words.withUTF8Buffer { bytes in
      for index in 0..<bytes.count { unsafe append(bytes[index]) }
    }
  }

  /// Adds a hexadecimal digit, 0 to 15.
  @inlinable
  public mutating func appendDigit(_ digit: UInt8) { append(digit < 10 ? 0x30 &+ digit : 0x57 &+ digit) }

  /// Writes it, as a warning. [any thread]
  @inlinable
  public mutating func warn() {
    unsafe text.span.withUnsafeBufferPointer { unsafe netisr_log(UInt32(NETISR_LOG_WARNING), $0.baseAddress) }
  }
}
