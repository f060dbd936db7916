import Glibc

extension SecretKey {
  /// Makes a pair, in `PREFIX.sec` and `PREFIX.pub`, of which neither may be there. Both are, or none.
  public static func makeFiles(prefix: String) throws(TrustError) -> (secret: String, public: String, id: KeyID) {
    let (secretPath, publicPath) = (prefix + ".sec", prefix + ".pub")
    let secret = SecretKey()
    try secret.write(to: secretPath)
    do throws(TrustError) {
      try SmallFile.create(publicPath, secret.publicKey.text, mode: 0o644)
    } catch {
      unsafe unlink(secretPath)
      throw error
    }
    return (secretPath, publicPath, secret.id)
  }

  /// Signs a file: `FILE.sig` is there at once and whole, in the place of an older one. Returns its path.
  ///
  /// What is signed is what is read now; that the file does not change is its owner's business.
  public func sign(file path: String) throws(TrustError) -> String {
    let descriptor = unsafe open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)
    guard descriptor >= 0 else { throw TrustError(path, code: errno) }
    defer { close(descriptor) }
    var status = stat()
    guard unsafe fstat(descriptor, &status) == 0 else { throw TrustError(path, code: errno) }
    guard status.st_mode & S_IFMT == S_IFREG else { throw TrustError(path, "expected a regular file") }
    guard status.st_size <= Inspector.maximumFileSize else {
      throw TrustError(path, "expected at most \(Inspector.maximumFileSize) bytes, found \(status.st_size)")
    }
    errno = 0
    guard let bytes = FileBytes(descriptor: descriptor, size: Int(status.st_size)) else {
      throw TrustError(path, code: errno == 0 ? EIO : errno)
    }
    let signature = path + SignatureFile.suffix
    try SmallFile.replace(signature, unsafe sign(bytes.buffer).text, mode: 0o644)
    return signature
  }
}
