import Glibc

/// Where a worker sleeps, and how a sender wakes it.
@safe
final class Wakeup: @unchecked Sendable {
  // Both have one address from init to deinit, as POSIX requires.
  private let mutex: UnsafeMutablePointer<pthread_mutex_t>
  private let condition: UnsafeMutablePointer<pthread_cond_t>
  private var signalled = false
  private var stopping = false

  init() {
    unsafe mutex = .allocate(capacity: 1)
    unsafe mutex.initialize(to: pthread_mutex_t())
    unsafe condition = .allocate(capacity: 1)
    unsafe condition.initialize(to: pthread_cond_t())
    unsafe pthread_mutex_init(mutex, nil)
    unsafe pthread_cond_init(condition, nil)
  }

  deinit {
    unsafe pthread_cond_destroy(condition)
    unsafe pthread_mutex_destroy(mutex)
    unsafe condition.deallocate()
    unsafe mutex.deallocate()
  }

  private func locked<T>(_ body: () -> T) -> T {
    unsafe pthread_mutex_lock(mutex)
    defer { unsafe pthread_mutex_unlock(mutex) }
    return body()
  }

  /// Wakes the worker, or keeps it from going to sleep once.
  func signal() {
    locked {
      signalled = true
      unsafe pthread_cond_signal(condition)
    }
  }

  /// Sleeps until there is a signal, and takes it: true. False when the worker is to end, once no signal is left.
  func wait() -> Bool {
    locked {
      while !signalled && !stopping { unsafe pthread_cond_wait(condition, mutex) }
      defer { signalled = false }
      return signalled
    }
  }

  /// Takes the signal, if there is one, without sleeping.
  func take() -> Bool {
    locked {
      defer { signalled = false }
      return signalled
    }
  }

  /// Makes `wait` return false.
  func stop() {
    locked {
      stopping = true
      unsafe pthread_cond_signal(condition)
    }
  }

  /// Undoes `stop`.
  func restart() {
    locked { stopping = false }
  }
}
