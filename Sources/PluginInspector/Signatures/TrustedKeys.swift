import Glibc

/// The public keys of a directory (`*.pub`): whose signatures count.
///
/// The directory, and each file in it, must be root's or this process's user's, and nobody else's to write. It is read
/// again for each signature, so that a key counts from the moment that it is there until it is taken away.
public struct TrustedKeys: Sendable {
  /// The directory.
  public let directory: String
  /// What is wrong with single files: such a key counts for nothing.
  public let problems: [TrustError]
  private let keys: [KeyID: PublicKey]

  /// Reads a directory. Throws when it can't be read, is not to be trusted, or has no key at all.
  public init(_ directory: String) throws(TrustError) {
    self.directory = directory
    let descriptor = unsafe open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
    guard descriptor >= 0 else { throw TrustError(directory, code: errno) }
    // Closes the descriptor too.
    guard let listing = unsafe fdopendir(descriptor) else {
      close(descriptor)
      throw TrustError(directory, code: errno)
    }
    defer { unsafe closedir(listing) }
    var status = stat()
    guard unsafe fstat(descriptor, &status) == 0 else { throw TrustError(directory, code: errno) }
    let complaints = FilePermissions.messages(directory: status)
    guard complaints.isEmpty else { throw TrustError(directory, complaints.joined(separator: "; ")) }

    var keys: [KeyID: PublicKey] = [:]
    var problems: [TrustError] = []
    for name in unsafe Self.names(listing) {
      let path = "\(directory)/\(name)"
      do throws(TrustError) {
        let text = try SmallFile.read(name, in: descriptor, at: path) { FilePermissions.messages(file: $0) }
        let key = try PublicKey(text, at: path)
        if let other = keys[key.id], other != key {
          throw TrustError(path, "expected a key with a number of its own, found \(key.id), which another key has")
        }
        keys[key.id] = key
      } catch {
        problems.append(error)
      }
    }
    guard !keys.isEmpty || !problems.isEmpty else {
      throw TrustError(directory, "expected public keys (*.pub), found none")
    }
    self.keys = keys
    self.problems = problems
  }

  /// The key with a number.
  subscript(id: KeyID) -> PublicKey? { keys[id] }

  /// Their numbers, in order.
  public var ids: [KeyID] { keys.keys.sorted { $0.description < $1.description } }

  private static func names(_ listing: OpaquePointer) -> [String] {
    var names: [String] = []
    while let entry = unsafe readdir(listing) {
      let name = unsafe withUnsafeBytes(of: &entry.pointee.d_name) { bytes in
        unsafe String(decoding: bytes.prefix { $0 != 0 }, as: UTF8.self)
      }
      if name.hasSuffix(".pub") && !name.hasPrefix(".") { names.append(name) }
    }
    return names.sorted()
  }
}
