import Glibc
import PluginInspector

/// A file that somebody wants to have tried out.
enum PluginFile {
  /// All of its bytes, read once.
  static func read(_ path: String) throws(ControlError) -> [UInt8] {
    func fail(_ reason: String) -> ControlError { ControlError(.failed, "\(path): \(reason)") }
    let descriptor = unsafe open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)
    guard descriptor >= 0 else { throw unsafe fail(String(cString: strerror(errno))) }
    defer { close(descriptor) }
    var status = stat()
    guard unsafe fstat(descriptor, &status) == 0 else { throw unsafe fail(String(cString: strerror(errno))) }
    guard status.st_mode & S_IFMT == S_IFREG else { throw fail("expected a regular file") }
    guard status.st_size <= Inspector.maximumFileSize else {
      throw fail("expected at most \(Inspector.maximumFileSize) bytes, found \(status.st_size)")
    }
    var bytes: [UInt8] = []
    var block = [UInt8](repeating: 0, count: 1 << 16)
    while bytes.count <= Inspector.maximumFileSize {
      let got = unsafe Glibc.read(descriptor, &block, block.count)
      if got < 0 && errno == EINTR { continue }
      guard got >= 0 else { throw unsafe fail(String(cString: strerror(errno))) }
      if got == 0 { break }
      bytes += block[..<got]
    }
    return bytes
  }
}
