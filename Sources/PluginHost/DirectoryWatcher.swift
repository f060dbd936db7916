import Glibc
import NetISR

/// What happened to a file in a directory that is watched (inotify(7)).
public enum DirectoryEvent: Sendable, Equatable {
  /// The file is complete: closed after writing, or renamed into the directory.
  case complete(String)
  /// The file was deleted, or renamed away.
  case gone(String)
  /// The file's owner or mode changed, or, without a name, the directory's own.
  case changed(String)
  /// Events were lost: look at the whole directory.
  case overflow
  /// The directory itself is gone.
  case directoryGone
}

/// Watches one directory from a thread of its own.
@safe
public final class DirectoryWatcher: @unchecked Sendable {
  private let inotify: Int32
  // A pipe: a byte in it ends the thread.
  private let stopEvent: Int32
  private let stopSignal: Int32
  // Set in init, used by stop only.
  private var thread: Thread?

  /// Starts to watch; `handle` runs on the watcher's thread, in the order of the events. Throws when the directory
  /// can't be watched.
  public init(_ directory: String, handle: @escaping @Sendable (DirectoryEvent) -> Void) throws(PluginError) {
    inotify = inotify_init1(Int32(IN_CLOEXEC))
    var ends: [Int32] = [-1, -1]
    if unsafe pipe(&ends) == 0 { for end in ends { _ = fcntl(end, F_SETFD, FD_CLOEXEC) } }
    (stopEvent, stopSignal) = (ends[0], ends[1])
    let mask = UInt32(
      IN_CLOSE_WRITE | IN_MOVED_TO | IN_MOVED_FROM | IN_DELETE | IN_DELETE_SELF | IN_MOVE_SELF | IN_ATTRIB | IN_ONLYDIR)
    guard inotify >= 0, stopEvent >= 0, unsafe inotify_add_watch(inotify, directory, mask) >= 0 else {
      let reason = unsafe String(cString: strerror(errno))
      close(inotify)
      close(stopEvent)
      close(stopSignal)
      throw PluginError(directory, ["can't be watched: \(reason)"])
    }
    let (inotify, stopEvent) = (inotify, stopEvent)
    thread = Thread(name: "netisr/watch") { Self.run(inotify, stopEvent, handle) }
  }

  /// Ends the watch; no event is delivered any more when this returns. Not from `handle`.
  public func stop() {
    guard let thread else { return }
    var byte: UInt8 = 0
    _ = unsafe write(stopSignal, &byte, 1)
    thread.join()
    self.thread = nil
    close(inotify)
    close(stopEvent)
    close(stopSignal)
  }

  deinit {
    stop()
  }

  private static func run(_ inotify: Int32, _ stopEvent: Int32, _ handle: (DirectoryEvent) -> Void) {
    var buffer = [UInt8](repeating: 0, count: 1 << 16)
    while true {
      var polled = [
        pollfd(fd: inotify, events: Int16(POLLIN), revents: 0),
        pollfd(fd: stopEvent, events: Int16(POLLIN), revents: 0),
      ]
      guard unsafe poll(&polled, 2, -1) > 0 else { continue }
      if polled[1].revents != 0 { return }
      let got = unsafe read(inotify, &buffer, buffer.count)
      if got <= 0 { continue }
      unsafe buffer.withUnsafeBytes { unsafe decode(UnsafeRawBufferPointer(rebasing: $0[..<got]), handle) }
    }
  }

  /// The kernel writes whole events: a header, and a name padded with NULs of the length that the header says.
  private static func decode(_ events: UnsafeRawBufferPointer, _ handle: (DirectoryEvent) -> Void) {
    let headerSize = MemoryLayout<inotify_event>.size
    var offset = 0
    while offset + headerSize <= events.count {
      let mask = unsafe events.loadUnaligned(fromByteOffset: offset + 4, as: UInt32.self)
      let length = unsafe Int(events.loadUnaligned(fromByteOffset: offset + 12, as: UInt32.self))
      guard offset + headerSize + length <= events.count else { return }
      let field = unsafe events[(offset + headerSize)..<(offset + headerSize + length)]
      let name = unsafe String(decoding: field.prefix { $0 != 0 }, as: UTF8.self)
      offset += headerSize + length
      if mask & UInt32(IN_Q_OVERFLOW) != 0 {
        handle(.overflow)
      } else if mask & UInt32(IN_DELETE_SELF | IN_MOVE_SELF | IN_IGNORED) != 0 {
        handle(.directoryGone)
      } else if mask & UInt32(IN_CLOSE_WRITE | IN_MOVED_TO) != 0 {
        handle(.complete(name))
      } else if mask & UInt32(IN_DELETE | IN_MOVED_FROM) != 0 {
        handle(.gone(name))
      } else if mask & UInt32(IN_ATTRIB) != 0 {
        handle(.changed(name))
      }
    }
  }
}
