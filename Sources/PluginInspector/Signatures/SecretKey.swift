import CLibSodium
import Glibc

// Safe: the memory has the key's size, and lives and dies with the instance, which nobody can copy.

/// A key that signs. Its memory is overwritten when it goes.
@safe
public struct SecretKey: ~Copyable {
  /// Its number.
  public let id: KeyID
  /// The seed, and the public key behind it.
  private let memory: UnsafeMutableRawBufferPointer

  // As signify(1) has it: the algorithm, "BK" for how the passphrase makes a key, its rounds (0: there is none), salt,
  // a check of the key, the number, the key.
  private static let size = 2 + 2 + 4 + 16 + 8 + KeyID.size + Ed25519.secretKeySize
  private static let derivation = Array("BK".utf8)

  /// A new one.
  init() {
    self.init(id: KeyID(bytes: Ed25519.random(KeyID.size)))
    unsafe Ed25519.makePair(secret: memory)
  }

  private init(id: KeyID) {
    self.id = id
    unsafe memory = .allocate(byteCount: Ed25519.secretKeySize, alignment: 16)
  }

  deinit {
    unsafe sodium_memzero(memory.baseAddress, memory.count)
    unsafe memory.deallocate()
  }

  /// What its signatures are checked with.
  var publicKey: PublicKey {
    unsafe PublicKey(id: id, bytes: Array(memory.suffix(Ed25519.publicKeySize)))
  }

  /// Reads a key's file, which nobody but root or this process's user may read or write, and which has no passphrase.
  public init(file path: String) throws(TrustError) {
    var text = try SmallFile.read(path) { status in
      FilePermissions.messages(secret: status)
    }
    defer { Ed25519.wipe(&text) }
    var content = try SignifyText.bytes(of: text, size: Self.size, at: path)
    defer { Ed25519.wipe(&content) }
    guard Array(content[2..<4]) == Self.derivation else {
      throw TrustError(path, "expected key derivation 424b (BK), found \(String(hexOf: content[2..<4]))")
    }
    guard content[4..<8].allSatisfy({ $0 == 0 }) else {
      throw TrustError(path, "expected a key without a passphrase (signify -n), found one that has one")
    }
    let check = unsafe content.withUnsafeBytes {
      unsafe Ed25519.sha512(UnsafeRawBufferPointer(rebasing: $0[40...])).prefix(8)
    }
    guard Array(check) == Array(content[24..<32]) else {
      throw TrustError(
        path, "expected a key whose check is \(String(hexOf: check)), found \(String(hexOf: content[24..<32]))")
    }
    id = KeyID(bytes: Array(content[32..<40]))
    unsafe memory = .allocate(byteCount: Ed25519.secretKeySize, alignment: 16)
    unsafe memory.copyBytes(from: content[40...])
  }

  /// Writes it to a new file of mode 0600. Throws when there is one already: a key is never overwritten.
  func write(to path: String) throws(TrustError) {
    var content = SignifyText.algorithm + Self.derivation + [0, 0, 0, 0] + Ed25519.random(16)
    content += unsafe Ed25519.sha512(UnsafeRawBufferPointer(memory)).prefix(8)
    content += id.bytes
    unsafe content += memory
    defer { Ed25519.wipe(&content) }
    var text = SignifyText.text(comment: "netisr secret key \(id)", content)
    defer { Ed25519.wipe(&text) }
    try SmallFile.create(path, text, mode: 0o600)
  }

  /// The signature of a message.
  func sign(_ message: UnsafeRawBufferPointer) -> Signature {
    unsafe Signature(keyID: id, bytes: Ed25519.sign(message, secret: UnsafeRawBufferPointer(memory)))
  }
}
