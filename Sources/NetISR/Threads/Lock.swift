import Glibc

/// A pthread mutex. Chosen over `Synchronization.Mutex` because the thread sanitizer understands it.
@safe
public final class Lock: @unchecked Sendable {
  // The mutex has one address from init to deinit, as POSIX requires.
  private let mutex: UnsafeMutablePointer<pthread_mutex_t>

  /// Makes an unlocked mutex.
  public init() {
    unsafe mutex = .allocate(capacity: 1)
    unsafe mutex.initialize(to: pthread_mutex_t())
    let error = unsafe pthread_mutex_init(mutex, nil)
    precondition(error == 0, "pthread_mutex_init: \(error)")
  }

  deinit {
    unsafe pthread_mutex_destroy(mutex)
    unsafe mutex.deallocate()
  }

  /// Runs `body` with the mutex held. Not recursive.
  @inline(__always)
  public func withLock<T: ~Copyable, E: Error>(_ body: () throws(E) -> T) throws(E) -> T {
    unsafe pthread_mutex_lock(mutex)
    defer { unsafe pthread_mutex_unlock(mutex) }
    return try body()
  }
}
