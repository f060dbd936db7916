import Glibc

/// The threads of the process that are lost in a plugin's code, and whose end nobody should wait for any more. [any thread]
enum LostThreads {
  private static let lock = Lock()
  // Under the lock. One is taken out by who would have joined it.
  nonisolated(unsafe) private static var handles: Set<pthread_t> = []

  static func insert(_ handle: pthread_t) { lock.withLock { unsafe _ = handles.insert(handle) } }

  /// Whether it was there.
  static func remove(_ handle: pthread_t) -> Bool { lock.withLock { unsafe handles.remove(handle) != nil } }
}
