#if canImport(FoundationEssentials)
  import FoundationEssentials
#else
  import Foundation
#endif

/// JSON as the command prints it and the API speaks it: one line, keys in alphabetical order.
public enum JSON {
  /// The text of a value, without a newline. Values of this module always have one.
  public static func encode(_ value: some Encodable) -> [UInt8] {
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
    do {
      return try Array(encoder.encode(value))
    } catch {
      preconditionFailure("a model can't be encoded: \(error)")
    }
  }

  /// The value of a text.
  static func decode<Value: Decodable>(_ type: Value.Type, from text: [UInt8]) throws -> Value {
    try JSONDecoder().decode(type, from: Data(text))
  }
}
