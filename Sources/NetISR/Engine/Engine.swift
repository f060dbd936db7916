import CNetISRHost
import Glibc
import Synchronization

/// One packet dispatch service: its protocols, workstreams, vnets, mbufs, counters and tables.
public final class Engine: @unchecked Sendable {
  /// The engine of threads that never said to which one they belong: a plugin's own threads. Set once, by the host.
  nonisolated(unsafe) public static var `default`: Engine?

  let threads = ThreadRegistry()
  let gracePeriod: GracePeriod
  let mbufs: MbufPool
  let counters = CounterRegistry()
  let tables = TableRegistry()

  /// Makes an engine.
  public init() {
    gracePeriod = GracePeriod(threads: threads)
    mbufs = MbufPool(limit: 64 << 20)
  }

  /// Makes the calling thread one of this engine's. It stays so until it ends or is detached.
  @discardableResult
  func attachCurrentThread() -> UnsafeMutablePointer<ThreadContext> {
    let record = unsafe threads.acquire(for: self)
    unsafe netisr_host_set_self(record)
    return unsafe record
  }

  /// Runs `body` on this thread as one of this engine's threads.
  public func withAttachedThread<T, E: Error>(_ body: () throws(E) -> T) throws(E) -> T {
    let before = unsafe netisr_host_get_self()
    let record = unsafe threads.acquire(for: self)
    unsafe netisr_host_set_self(record)
    defer {
      unsafe netisr_host_set_self(before)
      unsafe threads.release(record)
    }
    return try body()
  }
}
