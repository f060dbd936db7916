import CNetISRHost
import Glibc

/// A thread of the host. Its body runs once; whoever started it joins it.
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

  /// Waits for the thread's end.
  public func join() {
    _ = pthread_join(handle, nil)
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
