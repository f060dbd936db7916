import Glibc
import PluginInspector

/// A file's bytes, read once, and what there is to say about who may have written them.
struct PluginBytes {
  let bytes: [UInt8]
  let permissions: [InspectionReport.Finding]
  /// Read behind the bytes; nil where the policy has no eye on signatures.
  let signature: SignatureFile?

  /// Opens without following a link, and reads the file that was opened to its end.
  ///
  /// - Parameters:
  ///   - isTrusted: somebody asks for this file; else it is only there, and then its directory must be one in which
  ///     nobody else can put anything.
  init(reading path: String, for policy: InspectionPolicy, isTrusted: Bool) throws(PluginError) {
    let slash = path.lastIndex(of: "/")
    let folder = slash.map { $0 == path.startIndex ? "/" : String(path[..<$0]) } ?? "."
    let name = slash.map { String(path[path.index(after: $0)...]) } ?? path
    let directory = try OpenDirectory(folder)
    let descriptor = unsafe openat(directory.descriptor, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK)
    guard descriptor >= 0 else {
      let code = errno
      guard code == ELOOP else { throw unsafe PluginError(path, [String(cString: strerror(code))]) }
      throw PluginError(
        path, ["\(InspectionCheck.permissions.rawValue): \(FilePermissions.linkMessage(at: path))"])
    }
    defer { close(descriptor) }
    var status = stat()
    guard unsafe fstat(descriptor, &status) == 0 else {
      throw unsafe PluginError(path, [String(cString: strerror(errno))])
    }
    guard status.st_mode & S_IFMT == S_IFREG else { throw PluginError(path, ["expected a regular file"]) }
    guard status.st_size <= Inspector.maximumFileSize else {
      throw PluginError(path, ["expected at most \(Inspector.maximumFileSize) bytes, found \(status.st_size)"])
    }
    var permissions = FilePermissions.problems(of: status)
    if !isTrusted {
      permissions += directory.problems.map { .init(check: .permissions, message: "\(folder): \($0)") }
    }
    self.permissions = permissions
    let size = Int(status.st_size)
    // A file that shrinks meanwhile gives what was read; inspection finds it truncated.
    bytes = unsafe [UInt8](unsafeUninitializedCapacity: size) { buffer, count in
      count = 0
      while count < size {
        let got = unsafe read(descriptor, buffer.baseAddress! + count, size - count)
        if got < 0 && errno == EINTR { continue }
        if got <= 0 { break }
        count += got
      }
    }
    signature = policy.signatures.map { _ in SignatureFile(beside: path, name: name, in: directory.descriptor) }
  }

  /// In hexadecimal: tells whether a file is still the same.
  var sha256: String { SHA256.hexDigest(of: bytes) }
}
