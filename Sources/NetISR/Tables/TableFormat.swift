import Glibc

/// How people are shown a table's entries: the fields of key and value, by `ts_format` in table.h.
public struct TableFormat: Sendable, Equatable {
  /// What the bytes of a field are.
  public enum Kind: Sendable, Equatable {
    /// Addresses as they lie in packets.
    case ipv4, ipv6, mac
    /// Sixteen bytes: an IPv6 address, or an IPv4 address and zeros, if the field of that name says 4.
    case ip(family: String)
    /// Text, up to its NUL or the field's end.
    case text(Int)
    /// A number of so many bytes: in host order (`u`), or in network order (`n`).
    case host(Int), network(Int)
    /// Nanoseconds since the epoch, in host order.
    case time
    /// Bytes without a meaning.
    case bytes(Int)

    /// Bytes of the field.
    public var size: Int {
      switch self {
      case .ipv4: 4
      case .ipv6: 16
      case .mac: 6
      case .ip: 16
      case .host(let size), .network(let size), .text(let size), .bytes(let size): size
      case .time: 8
      }
    }

    init?(_ word: Substring) {
      switch word {
      case "ipv4": self = .ipv4
      case "ipv6": self = .ipv6
      case "mac": self = .mac
      case "u8": self = .host(1)
      case "u16": self = .host(2)
      case "u32": self = .host(4)
      case "u64": self = .host(8)
      case "n16": self = .network(2)
      case "n32": self = .network(4)
      case "n64": self = .network(8)
      case "time": self = .time
      default:
        if word.hasPrefix("ip/") {
          self = .ip(family: String(word.dropFirst(3)))
          return
        }
        let digits = word.first == "s" ? word.dropFirst() : word
        guard digits.utf8.allSatisfy({ (48...57).contains($0) }), let size = Int(digits), (1...1024).contains(size)
        else { return nil }
        self = word.first == "s" ? .text(size) : .bytes(size)
      }
    }
  }

  /// A field; one without a name is not shown.
  public struct Field: Sendable, Equatable {
    /// A field.
    public init(name: String?, kind: Kind) {
      self.name = name
      self.kind = kind
    }

    /// Its name, `[a-z0-9_]`.
    public var name: String?
    /// What it is.
    public var kind: Kind
  }

  /// The key's, in order; of a table of prefixes none.
  public var key: [Field]
  /// The value's, in order.
  public var value: [Field]

  /// The format of a text; nil when it is none, or does not cover key and value to the byte.
  init?(_ text: String, _ shape: TableShape) {
    let sides = text.split(separator: "=", omittingEmptySubsequences: false)
    guard sides.count == 2, let key = Self.fields(sides[0]), let value = Self.fields(sides[1]) else { return nil }
    // In bounds: few fields, of at most 1,024 bytes each.
    let size = { (fields: [Field]) in fields.reduce(0) { $0 + $1.kind.size } }
    guard shape.isHash ? size(key) == shape.keySize : key.isEmpty, size(value) == shape.valueSize else { return nil }
    self.key = key
    self.value = value
  }

  private static func fields(_ text: Substring) -> [Field]? {
    var fields: [Field] = []
    for word in text.split(separator: " ") {
      let parts = word.split(separator: ":", omittingEmptySubsequences: false)
      guard parts.count == 2, let kind = Kind(parts[1]), let name = name(parts[0]) else { return nil }
      guard name == nil || !fields.contains(where: { $0.name == name }) else { return nil }
      fields.append(Field(name: name, kind: kind))
    }
    return fields
  }

  /// A field's name, nil for "-"; nothing when it is none.
  private static func name(_ word: Substring) -> String?? {
    if word == "-" { return .some(nil) }
    let isWord = !word.isEmpty && word.utf8.allSatisfy { (97...122).contains($0) || (48...57).contains($0) || $0 == 95 }
    return isWord ? .some(String(word)) : nil
  }
}

/// A field's value.
public enum TableFieldValue: Sendable, Equatable {
  /// A number.
  case number(UInt64)
  /// Nanoseconds since the epoch.
  case time(UInt64)
  /// An address, or bytes in hexadecimal.
  case text(String)
}

extension TableFormat.Kind {
  /// What the bytes of a field say; there are `size` of them. `number` gives the value of another field.
  public func read(_ bytes: ArraySlice<UInt8>, number: (String) -> UInt64?) -> TableFieldValue {
    switch self {
    case .ip(let family):
      .text(number(family) == 4 ? Self.address(bytes.prefix(4), AF_INET) : Self.address(bytes, AF_INET6))
    case .text: .text(String(decoding: bytes.prefix { $0 != 0 }, as: UTF8.self))
    case .ipv4: .text(Self.address(bytes, AF_INET))
    case .ipv6: .text(Self.address(bytes, AF_INET6))
    case .mac: .text(bytes.map(Self.hex).joined(separator: ":"))
    case .host: .number(Self.number(bytes.reversed()))
    case .network: .number(Self.number(bytes))
    case .time: .time(Self.number(bytes.reversed()))
    case .bytes: .text(bytes.map(Self.hex).joined())
    }
  }

  /// The prefix that a key of a table of prefixes is: "10.0.0.0/8".
  public static func prefix(_ key: [UInt8]) -> String {
    let length = number(key.prefix(4).reversed())
    return "\(address(key.dropFirst(4), key.count == 8 ? AF_INET : AF_INET6))/\(length)"
  }

  private static func number(_ bytes: some Sequence<UInt8>) -> UInt64 { bytes.reduce(0) { $0 << 8 | UInt64($1) } }

  private static func hex(_ byte: UInt8) -> String { (byte < 16 ? "0" : "") + String(byte, radix: 16) }

  private static func address(_ bytes: ArraySlice<UInt8>, _ family: Int32) -> String {
    // Room for the longest text of either family.
    unsafe withUnsafeTemporaryAllocation(of: CChar.self, capacity: Int(INET6_ADDRSTRLEN)) { text in
      let source = Array(bytes)
      guard let found = unsafe inet_ntop(family, source, text.baseAddress, socklen_t(INET6_ADDRSTRLEN)) else {
        return source.map(hex).joined()
      }
      return unsafe String(cString: found)
    }
  }
}
