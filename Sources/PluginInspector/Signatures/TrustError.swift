import Glibc

/// Why a key or a signature can't be used, or trusted.
public struct TrustError: Error, Sendable, Equatable, CustomStringConvertible {
  /// The file, or the directory.
  public let path: String
  /// What was expected, and what was found.
  public let reason: String
  /// The system's error number, see errno(3); 0: it is not the system that complains.
  let code: Int32

  init(_ path: String, _ reason: String) {
    self.path = path
    self.reason = reason
    code = 0
  }

  /// What the system says of an error. `ELOOP` is that of a link that was not followed.
  init(_ path: String, code: Int32) {
    self.path = path
    self.code = code
    reason = code == ELOOP ? FilePermissions.linkMessage(at: path) : unsafe String(cString: strerror(code))
  }

  /// One line.
  public var description: String { "\(path): \(reason)" }
}
