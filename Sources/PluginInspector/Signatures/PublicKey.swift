/// A key that signatures are checked with.
public struct PublicKey: Sendable, Equatable {
  /// Its number.
  public let id: KeyID
  let bytes: [UInt8]

  // The algorithm, the number, the key.
  private static let size = 2 + KeyID.size + Ed25519.publicKeySize

  init(id: KeyID, bytes: [UInt8]) {
    self.id = id
    self.bytes = bytes
  }

  /// Reads a key's text.
  init(_ text: [UInt8], at path: String) throws(TrustError) {
    let content = try SignifyText.bytes(of: text, size: Self.size, at: path)
    id = KeyID(bytes: Array(content[2..<10]))
    bytes = Array(content[10...])
  }

  /// The text that its file has.
  var text: [UInt8] {
    SignifyText.text(comment: "netisr public key \(id)", SignifyText.algorithm + id.bytes + bytes)
  }
}
