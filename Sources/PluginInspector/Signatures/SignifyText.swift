import CLibSodium

/// The form of keys and signatures in files, which is that of OpenBSD's signify(1): a line of comment, which nobody should
/// trust, and a line of base64. Either program reads what the other has written.
///
///     untrusted comment: verify with release.pub
///     RWQ...
///
/// The bytes begin with the algorithm, "Ed", and are of fixed size: 42 in a public key, 104 in a secret one, 74 in a
/// signature. All have the key's number, 8 random bytes, so that a signature says whose it is.
enum SignifyText {
  private static let comment = "untrusted comment: "
  static let algorithm = Array("Ed".utf8)

  /// Longer is neither.
  static let longest = 4096

  static func text(comment words: String, _ bytes: [UInt8]) -> [UInt8] {
    let variant = sodium_base64_VARIANT_ORIGINAL
    let size = sodium_base64_encoded_len(bytes.count, variant)
    // With room for the NUL at its end, which `size` counts.
    var line = [CChar](repeating: 0, count: size)
    _ = unsafe sodium_bin2base64(&line, size, bytes, bytes.count, variant)
    return Array((comment + words + "\n").utf8) + line.dropLast().map { UInt8(bitPattern: $0) } + [UInt8(ascii: "\n")]
  }

  /// The bytes in a text, `size` of them. `path` is for the error.
  static func bytes(of text: [UInt8], size: Int, at path: String) throws(TrustError) -> [UInt8] {
    let lines = text.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false)
    guard text.starts(with: comment.utf8) else {
      throw TrustError(
        path, "expected a first line that begins with '\(comment)', found \(found(text.prefix { $0 != 10 }))")
    }
    guard lines.count == 3, lines[2].isEmpty else {
      throw TrustError(
        path, "expected two lines, each with its end, found \(lines.count - 1)\(lines.last == [] ? "" : " and a rest")")
    }
    var bytes = [UInt8](repeating: 0, count: longest)
    var count = 0
    let line = lines[1].map { CChar(bitPattern: $0) }
    // Without an end to report, anything behind the base64 is an error.
    let error = unsafe sodium_base642bin(
      &bytes, bytes.count, line, line.count, nil, &count, nil, sodium_base64_VARIANT_ORIGINAL)
    guard error == 0 else { throw TrustError(path, "expected base64 in line 2, found \(found(lines[1]))") }
    guard count == size else { throw TrustError(path, "expected \(size) bytes in base64, found \(count)") }
    bytes.removeLast(bytes.count - count)
    guard bytes.starts(with: algorithm) else {
      throw TrustError(path, "expected algorithm 4564 (Ed25519), found \(String(hexOf: bytes.prefix(2)))")
    }
    return bytes
  }

  /// The beginning of a line, for people: what is no printable ASCII is not printed.
  private static func found(_ line: some Collection<UInt8>) -> String {
    if line.isEmpty { return "an empty one" }
    let shown = line.prefix(24).map { (0x20..<0x7f).contains($0) ? $0 : UInt8(ascii: "?") }
    return "'\(String(decoding: shown, as: UTF8.self))\(line.count > 24 ? "..." : "")'"
  }
}
