import Glibc

/// Where a host's control socket is, and whose it is.
public struct ControlSocket: Sendable {
  /// The path of the socket.
  public let path: String

  /// A socket at `path`, or at the default place: `/run/netisr.sock` for root, `$XDG_RUNTIME_DIR/netisr.sock` for others.
  public init(_ path: String?) throws(ControlError) {
    if let path {
      self.path = path
    } else if geteuid() == 0 {
      self.path = "/run/netisr.sock"
    } else if let directory = unsafe getenv("XDG_RUNTIME_DIR"), unsafe directory.pointee != 0 {
      self.path = unsafe String(cString: directory) + "/netisr.sock"
    } else {
      throw ControlError(.failed, "no place for the control socket: set XDG_RUNTIME_DIR, or give --control SOCKET")
    }
    let limit = MemoryLayout.size(ofValue: sockaddr_un().sun_path) - 1
    guard (1...limit).contains(self.path.utf8.count) else {
      throw ControlError(
        .badRequest,
        "control socket '\(self.path)': expected a path of 1 to \(limit) bytes, found \(self.path.utf8.count)")
    }
  }

  /// Binds a listening socket with mode 0600, in the place of one that a dead host left. A live one is an error.
  ///
  /// Two hosts that begin at the same time take turns by a lock on the folder. Clients may connect from now on; they
  /// wait until a `ControlServer` answers.
  public func bind() throws(ControlError) -> BoundSocket {
    let folder = path.lastIndex(of: "/").map { $0 == path.startIndex ? "/" : String(path[..<$0]) } ?? "."
    let turn = unsafe open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
    guard turn >= 0 else { throw failure("folder", errno) }
    defer { close(turn) }
    guard flock(turn, LOCK_EX) == 0 else { throw failure("folder's lock", errno) }
    try removeStale()

    let descriptor = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue), 0)
    guard descriptor >= 0 else { throw failure("socket", errno) }
    // The mode is there with the name; nobody can connect in between. Files that other threads make meanwhile become
    // private as well, which is why this comes before any plugin.
    let mask = umask(0o177)
    let error = unsafe withAddress { address, length in unsafe Glibc.bind(descriptor, address, length) == 0 ? 0 : errno
    }
    umask(mask)
    guard error == 0, listen(descriptor, 64) == 0 else {
      let reason = error == 0 ? errno : error
      close(descriptor)
      throw failure("bind", reason)
    }
    var status = stat()
    unsafe lstat(path, &status)
    return BoundSocket(path: path, descriptor: descriptor, device: status.st_dev, inode: status.st_ino)
  }

  /// Removes a socket to which nobody listens.
  private func removeStale() throws(ControlError) {
    var status = stat()
    guard unsafe lstat(path, &status) == 0 else {
      if errno == ENOENT { return }
      throw failure("lstat", errno)
    }
    guard status.st_mode & S_IFMT == S_IFSOCK else {
      throw ControlError(.failed, "control socket \(path): expected a socket or nothing there, found another file")
    }
    let probe = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue | SOCK_NONBLOCK.rawValue), 0)
    guard probe >= 0 else { throw failure("socket", errno) }
    defer { close(probe) }
    let error = unsafe withAddress { address, length in unsafe connect(probe, address, length) == 0 ? 0 : errno }
    // EAGAIN: somebody listens, and has no place in the backlog.
    if error == 0 || error == EAGAIN {
      throw ControlError(.failed, "control socket \(path): a host\(Self.peer(of: probe)) is running there already")
    }
    guard error == ECONNREFUSED else { throw failure("connect", error) }
    guard unsafe unlink(path) == 0 else { throw failure("unlink", errno) }
  }

  /// " (pid 42)", if the system says so.
  private static func peer(of descriptor: Int32) -> String {
    // struct ucred, see unix(7): pid, uid, gid, of 4 bytes each.
    var credentials: (pid: Int32, uid: UInt32, gid: UInt32) = (0, 0, 0)
    var length = socklen_t(MemoryLayout.size(ofValue: credentials))
    guard unsafe getsockopt(descriptor, SOL_SOCKET, SO_PEERCRED, &credentials, &length) == 0, credentials.pid > 0 else {
      return ""
    }
    return " (pid \(credentials.pid))"
  }

  private func failure(_ what: String, _ error: Int32) -> ControlError {
    unsafe ControlError(.failed, "control socket \(path): \(what): \(String(cString: strerror(error)))")
  }

  private func withAddress<T>(_ body: (UnsafePointer<sockaddr>, socklen_t) -> T) -> T {
    var address = sockaddr_un()
    address.sun_family = sa_family_t(AF_UNIX)
    // The path fits, with a NUL behind it: checked in init.
    unsafe withUnsafeMutableBytes(of: &address.sun_path) { unsafe $0.copyBytes(from: path.utf8) }
    return unsafe withUnsafePointer(to: &address) { pointer in
      unsafe pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { generic in
        unsafe body(generic, socklen_t(MemoryLayout<sockaddr_un>.size))
      }
    }
  }
}

/// A listening socket and its name in the file system.
public struct BoundSocket: Sendable {
  /// Its name.
  public let path: String
  let descriptor: Int32
  let device: dev_t
  let inode: ino_t

  /// Removes the name, if it is still this socket's.
  public func removeName() {
    var status = stat()
    if unsafe lstat(path, &status) == 0, status.st_dev == device, status.st_ino == inode { unsafe _ = unlink(path) }
  }
}
