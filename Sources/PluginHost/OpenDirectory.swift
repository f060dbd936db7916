import Glibc
import PluginInspector

/// A directory that was opened: files are taken from this one, whatever becomes of its name meanwhile.
struct OpenDirectory: ~Copyable {
  /// Good for fstat(2) and openat(2) alone, for which the directory need not be readable.
  let descriptor: Int32

  // open(2); glibc declares it for _GNU_SOURCE only. The same on all machines that plugins are made for.
  private static let path: Int32 = 0o10_000_000

  /// Opens it; a link is followed.
  init(_ path: String) throws(PluginError) {
    descriptor = unsafe open(path, Self.path | O_DIRECTORY | O_CLOEXEC)
    guard descriptor >= 0 else { throw unsafe PluginError(path, [String(cString: strerror(errno))]) }
  }

  /// Why others than root and this process's user could put something into it, now.
  var problems: [String] {
    var status = stat()
    guard unsafe fstat(descriptor, &status) == 0 else { return unsafe [String(cString: strerror(errno))] }
    return FilePermissions.messages(directory: status)
  }

  deinit { close(descriptor) }
}
