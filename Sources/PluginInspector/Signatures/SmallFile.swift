import Glibc

/// Files of keys and signatures, read and written whole. None is reached through a link.
enum SmallFile {
  /// Reads a file, beside the directory that is open as `directory` if its path is relative.
  ///
  /// - Parameter complaints: what is wrong with its owner and mode.
  static func read(
    _ name: String, in directory: Int32 = AT_FDCWD, at path: String? = nil, _ complaints: (stat) -> [String]
  ) throws(TrustError) -> [UInt8] {
    let path = path ?? name
    let descriptor = unsafe openat(directory, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK)
    guard descriptor >= 0 else { throw TrustError(path, code: errno) }
    defer { close(descriptor) }
    var status = stat()
    guard unsafe fstat(descriptor, &status) == 0 else { throw TrustError(path, code: errno) }
    guard status.st_mode & S_IFMT == S_IFREG else { throw TrustError(path, "expected a regular file") }
    let problems = complaints(status)
    guard problems.isEmpty else { throw TrustError(path, problems.joined(separator: "; ")) }
    guard status.st_size <= SignifyText.longest else {
      throw TrustError(path, "expected at most \(SignifyText.longest) bytes, found \(status.st_size)")
    }
    errno = 0
    guard let bytes = FileBytes(descriptor: descriptor, size: Int(status.st_size)) else {
      throw TrustError(path, code: errno == 0 ? EIO : errno)
    }
    return unsafe Array(bytes.buffer)
  }

  /// Makes a file that is not there yet.
  static func create(_ path: String, _ bytes: [UInt8], mode: mode_t) throws(TrustError) {
    let descriptor = unsafe open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, mode)
    guard descriptor >= 0 else {
      throw errno == EEXIST
        ? TrustError(path, "expected no such file, found one: a key is never overwritten")
        : TrustError(path, code: errno)
    }
    do throws(TrustError) {
      try write(bytes, to: descriptor, path)
    } catch {
      unsafe unlink(path)
      throw error
    }
  }

  /// Puts a file in the place of what is there, in one step.
  static func replace(_ path: String, _ bytes: [UInt8], mode: mode_t) throws(TrustError) {
    var template = unsafe path.withCString { unsafe Array(UnsafeBufferPointer(start: $0, count: strlen($0))) }
    let slash = template.lastIndex(of: CChar(bitPattern: UInt8(ascii: "/"))).map { $0 + 1 } ?? 0
    template.insert(CChar(bitPattern: UInt8(ascii: ".")), at: slash)
    template += ".XXXXXX\0".utf8.map { CChar(bitPattern: $0) }
    let descriptor = unsafe mkstemp(&template)
    guard descriptor >= 0 else { throw TrustError(path, code: errno) }
    do throws(TrustError) {
      _ = fcntl(descriptor, F_SETFD, FD_CLOEXEC)
      fchmod(descriptor, mode)
      try write(bytes, to: descriptor, path)
      guard unsafe rename(template, path) == 0 else { throw TrustError(path, code: errno) }
    } catch {
      unsafe unlink(template)
      throw error
    }
  }

  /// Writes all, and closes.
  private static func write(_ bytes: [UInt8], to descriptor: Int32, _ path: String) throws(TrustError) {
    var done = 0
    while done < bytes.count {
      let put = unsafe bytes.withUnsafeBytes {
        unsafe Glibc.write(descriptor, $0.baseAddress! + done, bytes.count - done)
      }
      if put < 0 && errno == EINTR { continue }
      guard put > 0 else {
        let code = errno
        close(descriptor)
        throw TrustError(path, code: code)
      }
      done += put
    }
    let code = fsync(descriptor) == 0 ? 0 : errno
    guard close(descriptor) == 0, code == 0 else { throw TrustError(path, code: code == 0 ? errno : code) }
  }
}
