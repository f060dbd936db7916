/// A signature of a file's bytes, as its own file has it.
package struct Signature: Equatable {
  /// The key that it says it is by.
  package let keyID: KeyID
  let bytes: [UInt8]

  // The algorithm, the key's number, the signature.
  private static let size = 2 + KeyID.size + Ed25519.signatureSize

  init(keyID: KeyID, bytes: [UInt8]) {
    self.keyID = keyID
    self.bytes = bytes
  }

  /// Reads a signature's text.
  package init(_ text: [UInt8], at path: String) throws(TrustError) {
    let content = try SignifyText.bytes(of: text, size: Self.size, at: path)
    keyID = KeyID(bytes: Array(content[2..<10]))
    bytes = Array(content[10...])
  }

  /// The text that its file has.
  package var text: [UInt8] {
    SignifyText.text(comment: "signature by netisr key \(keyID)", SignifyText.algorithm + keyID.bytes + bytes)
  }
}
