import Glibc
import PluginInspector

/// A file's bytes, read once, and the findings about who may have written it.
struct PluginBytes {
  let bytes: [UInt8]
  let permissions: [InspectionReport.Finding]

  /// Opens without following a link, and reads the file that was opened to its end.
  init(reading path: String) throws(PluginError) {
    let descriptor = unsafe open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK)
    guard descriptor >= 0 else {
      let reason =
        errno == ELOOP ? "expected a regular file, found a symbolic link" : unsafe String(cString: strerror(errno))
      throw PluginError(path, [reason])
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
    permissions = FilePermissions.problems(of: status)
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
  }
}
