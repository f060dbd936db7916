import CLibSodium

/// Ed25519 (RFC 8032, section 5.1), by libsodium: the plain form, over the whole message.
///
/// [any thread]
enum Ed25519 {
  /// Bytes of a public key, of a secret key (its seed, and the public key behind it), and of a signature.
  static let publicKeySize = Int(crypto_sign_ed25519_PUBLICKEYBYTES)
  static let secretKeySize = 64
  static let signatureSize = Int(crypto_sign_ed25519_BYTES)

  /// Finds out what the processor has. Random bytes and all the rest are safe on any thread afterwards.
  private static let isReady = sodium_init() >= 0

  /// Random bytes, of the kernel's.
  static func random(_ count: Int) -> [UInt8] {
    precondition(isReady, "libsodium has no source of random bytes")
    return unsafe [UInt8](unsafeUninitializedCapacity: count) { buffer, filled in
      unsafe randombytes_buf(buffer.baseAddress!, count)
      filled = count
    }
  }

  /// Writes a new secret key to `secret`, which has room for it.
  static func makePair(secret: UnsafeMutableRawBufferPointer) {
    precondition(isReady && secret.count == secretKeySize)
    var key = [UInt8](repeating: 0, count: publicKeySize)
    // Safe: both have the sizes that the function writes.
    _ = unsafe crypto_sign_ed25519_keypair(&key, secret.baseAddress!.assumingMemoryBound(to: UInt8.self))
  }

  /// The signature of a message.
  static func sign(_ message: UnsafeRawBufferPointer, secret: UnsafeRawBufferPointer) -> [UInt8] {
    precondition(isReady && secret.count == secretKeySize)
    var signature = [UInt8](repeating: 0, count: signatureSize)
    // Safe: the sizes are what the function reads and writes; a message of no bytes may be nil.
    _ = unsafe crypto_sign_ed25519_detached(
      &signature, nil, message.baseAddress?.assumingMemoryBound(to: UInt8.self), UInt64(message.count),
      secret.baseAddress!.assumingMemoryBound(to: UInt8.self))
    return signature
  }

  /// Whether a signature is that of a message by a key. Small-order keys, and signatures that are not canonical, never are.
  static func verify(_ signature: [UInt8], of message: UnsafeRawBufferPointer, by key: [UInt8]) -> Bool {
    guard isReady, signature.count == signatureSize, key.count == publicKeySize else { return false }
    // Safe: the sizes are what the function reads.
    return unsafe crypto_sign_ed25519_verify_detached(
      signature, message.baseAddress?.assumingMemoryBound(to: UInt8.self), UInt64(message.count), key) == 0
  }

  /// SHA-512 of bytes: secret keys' files have a part of it.
  static func sha512(_ bytes: UnsafeRawBufferPointer) -> [UInt8] {
    var digest = [UInt8](repeating: 0, count: Int(crypto_hash_sha512_BYTES))
    // Safe: the size is what the function writes.
    _ = unsafe crypto_hash_sha512(
      &digest, bytes.baseAddress?.assumingMemoryBound(to: UInt8.self), UInt64(bytes.count))
    return digest
  }

  /// Overwrites what nobody should find in memory, in a way that no compiler leaves out.
  static func wipe(_ bytes: inout [UInt8]) {
    unsafe bytes.withUnsafeMutableBytes { unsafe sodium_memzero($0.baseAddress, $0.count) }
  }
}
