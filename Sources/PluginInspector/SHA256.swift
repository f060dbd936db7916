import CLibMD

/// SHA-256 (FIPS 180-4) of bytes, by libmd.
public enum SHA256 {
  /// The digest in lower-case hexadecimal.
  public static func hexDigest(of bytes: UnsafeRawBufferPointer) -> String {
    var context = SHA2_CTX()
    var digest = [UInt8](repeating: 0, count: Int(SHA256_DIGEST_LENGTH))
    unsafe SHA256Init(&context)
    if let base = bytes.baseAddress {
      unsafe SHA256Update(&context, base.assumingMemoryBound(to: UInt8.self), bytes.count)
    }
    unsafe SHA256Final(&digest, &context)
    return String(hexOf: digest)
  }
}

extension SHA256 {
  /// The digest in lower-case hexadecimal.
  public static func hexDigest(of bytes: [UInt8]) -> String {
    unsafe bytes.withUnsafeBytes { unsafe hexDigest(of: $0) }
  }
}
