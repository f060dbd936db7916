import Glibc

extension Inspector {
  /// Why a file could not be read at all.
  public struct ReadError: Error, Sendable, Equatable, CustomStringConvertible {
    /// The file.
    public let path: String
    /// The error number, see errno(3).
    public let code: Int32

    /// The error `code` at `path`.
    public init(path: String, code: Int32) {
      self.path = path
      self.code = code
    }

    /// One line: the path, and what the system says about it.
    public var description: String {
      unsafe "\(path): \(String(cString: strerror(code)))"
    }
  }

  /// A plugin is code; what is larger than this many bytes is something else.
  public static let maximumFileSize = 256 << 20

  /// Reads and inspects the file at `path`, with its owner and mode, and its signature if the policy asks for it.
  ///
  /// A symbolic link is followed, and refused by the check ``InspectionCheck/permissions``: the host opens plugins
  /// without following links. To load a file, read it once and inspect those bytes instead.
  ///
  /// - Throws: ``ReadError`` with the number from open(2), fstat(2) or pread(2); `EISDIR` for a directory, `EFBIG` for a
  ///   file larger than ``maximumFileSize``, `EINVAL` for what is no regular file, `EIO` for one that became shorter.
  public func inspect(path: String) throws(ReadError) -> InspectionReport {
    try unsafe inspect(path: path) { _ in }
  }

  /// The same, for who goes on with the bytes: `body` gets those that were read and inspected, for the call alone.
  public func inspect(
    path: String, _ body: (UnsafeRawBufferPointer) -> Void
  ) throws(ReadError) -> InspectionReport {
    var link = stat()
    guard unsafe lstat(path, &link) == 0 else { throw ReadError(path: path, code: errno) }
    let descriptor = unsafe open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)
    guard descriptor >= 0 else { throw ReadError(path: path, code: errno) }
    defer { close(descriptor) }
    var status = stat()
    guard unsafe fstat(descriptor, &status) == 0 else { throw ReadError(path: path, code: errno) }
    guard status.st_mode & S_IFMT == S_IFREG else {
      throw ReadError(path: path, code: status.st_mode & S_IFMT == S_IFDIR ? EISDIR : EINVAL)
    }
    guard status.st_size <= Self.maximumFileSize else { throw ReadError(path: path, code: EFBIG) }
    errno = 0
    guard let bytes = FileBytes(descriptor: descriptor, size: Int(status.st_size)) else {
      throw ReadError(path: path, code: errno == 0 ? EIO : errno)
    }
    var permissions = FilePermissions.problems(of: status)
    if link.st_mode & S_IFMT == S_IFLNK {
      permissions.append(.init(check: .permissions, message: FilePermissions.linkMessage(at: path)))
    }
    let signature = policy.signatures.map { _ in SignatureFile(beside: path) }
    unsafe body(bytes.buffer)
    return unsafe inspect(bytes: bytes.buffer, fileName: path, permissions: permissions, signature: signature)
  }
}
