import CNetISRHost
import Glibc

/// A thread of the host. Its body runs once; whoever started it joins it, or lets it go.
public final class Thread: @unchecked Sendable {
  private var handle = pthread_t()

  /// Starts a thread. `name` shows in ps(1), cut to 15 bytes.
  public init(name: String, _ body: @escaping @Sendable () -> Void) {
    let start = unsafe Unmanaged.passRetained(Start(name: name, body: body))
    let error = unsafe pthread_create(
      &handle, nil,
      { argument in
        // Balances passRetained: this thread owns the start now.
        let start = unsafe Unmanaged<Start>.fromOpaque(argument!).takeRetainedValue()
        unsafe netisr_host_name_thread(start.name)
        start.body()
        return nil
      }, start.toOpaque())
    precondition(error == 0, "pthread_create: errno \(error)")
  }

  /// Waits for the thread's end: whether it came; a thread that is lost is let go.
  @discardableResult
  public func join() -> Bool {
    var milliseconds: UInt32 = 20
    while true {
      // It says when it ends, but not when it is lost: looked at soon, then less and less often.
      defer { milliseconds = min(2 * milliseconds, 1000) }
      if netisr_host_join(handle, milliseconds) == 0 {
        // Its number is free for others.
        _ = LostThreads.remove(handle)
        return true
      }
      if LostThreads.remove(handle) {
        _ = pthread_detach(handle)
        return false
      }
    }
  }

  /// Whether it is that one.
  func isSame(as other: pthread_t) -> Bool { pthread_equal(handle, other) != 0 }

  /// Lets the thread go: nobody will join it.
  public func detach() {
    _ = pthread_detach(handle)
  }

  /// Lets it run on these CPUs only: 0 or an errno value. Not after `join`. [any thread]
  public func bind(to cpus: [UInt32]) -> Int32 { Self.bind(handle, to: cpus) }

  /// Lets the calling thread run on these CPUs only: 0 or an errno value.
  public static func bindCurrent(to cpus: [UInt32]) -> Int32 { bind(pthread_self(), to: cpus) }

  private static func bind(_ handle: pthread_t, to cpus: [UInt32]) -> Int32 {
    unsafe cpus.withUnsafeBufferPointer { list in
      unsafe netisr_host_bind_thread(handle, list.baseAddress, UInt32(list.count))
    }
  }

  private final class Start {
    let name: String
    let body: @Sendable () -> Void

    init(name: String, body: @escaping @Sendable () -> Void) {
      self.name = name
      self.body = body
    }
  }
}
