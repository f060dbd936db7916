import Glibc
import PacketIO

/// A destination as the operator writes it.
struct RoutePrefix: Equatable {
  /// 4 or 16 bytes, those behind the prefix 0.
  let bytes: [UInt8]
  let length: UInt8

  /// 4 or 6.
  var family: UInt8 { bytes.count == 4 ? 4 : 6 }

  /// ADDRESS/BITS, ADDRESS, or `default`, which is IPv6's if the next hop is an IPv6 address.
  init(_ text: String, via: [UInt8]?) throws(ControlError) {
    if text == "default" {
      bytes = [UInt8](repeating: 0, count: via?.count == 16 ? 16 : 4)
      length = 0
      return
    }
    let family: UInt8 = text.contains(":") ? 6 : 4
    guard let address = InterfaceAddress(text, family: family) else {
      throw ControlError(.badRequest, "prefix '\(text)': expected ADDRESS/BITS, ADDRESS or default")
    }
    bytes = Self.masked(address.bytes, to: address.prefixLength)
    length = address.prefixLength
    guard bytes == address.bytes else {
      throw ControlError(.badRequest, "prefix '\(text)': bits behind the prefix are set; expected \(description)")
    }
  }

  /// What a table's fields say.
  init(bytes: [UInt8], length: UInt8) {
    self.bytes = Self.masked(bytes, to: length)
    self.length = length
  }

  /// Whether an address is in it.
  func contains(_ address: [UInt8]) -> Bool {
    address.count == bytes.count && Self.masked(address, to: length) == bytes
  }

  /// "10.0.0.0/8"
  var description: String { "\(Self.text(bytes))/\(length)" }

  /// The bytes of an address; nil when the text is none.
  static func address(_ text: String) -> [UInt8]? {
    guard !text.contains("/") else { return nil }
    return InterfaceAddress(text, family: text.contains(":") ? 6 : 4)?.bytes
  }

  /// An address as text.
  static func text(_ bytes: [UInt8]) -> String {
    var text = [CChar](repeating: 0, count: 64)
    unsafe _ = inet_ntop(bytes.count == 4 ? AF_INET : AF_INET6, bytes, &text, socklen_t(text.count))
    return String(decoding: text.prefix { $0 != 0 }.map(UInt8.init(bitPattern:)), as: UTF8.self)
  }

  private static func masked(_ bytes: [UInt8], to length: UInt8) -> [UInt8] {
    bytes.enumerated().map { place, byte in
      let bits = min(max(Int(length) - place * 8, 0), 8)
      return byte & ~UInt8(truncatingIfNeeded: 0xff >> bits)
    }
  }
}
