import CNetISRHost
import Glibc
import Synchronization

/// The records of all threads that ever called an engine: made on the first call, given back when the thread ends.
///
/// | operation | exclusion |
/// |---|---|
/// | attach, detach | the lock |
/// | forEach | none: records are only ever added, and never freed before the engine |
@safe
final class ThreadRegistry: @unchecked Sendable {
  /// More threads than any host runs; a record costs 40 KiB, mostly counters.
  static let capacity = 512

  private let records: UnsafeMutablePointer<UnsafeMutablePointer<ThreadContext>>
  private let count = Atomic<Int>(0)
  private var finished: [UnsafeMutablePointer<ThreadContext>] = unsafe []
  private let lock = Lock()

  init() {
    unsafe records = .allocate(capacity: Self.capacity)
  }

  deinit {
    for index in 0..<count.load(ordering: .acquiring) {
      let record = unsafe records[index]
      unsafe record.pointee.counters.deallocate()
      unsafe record.pointee.watch.deallocate()
      unsafe record.deinitialize(count: 1)
      unsafe free_aligned(record)
    }
    unsafe records.deallocate()
  }

  /// A record for the calling thread: one that a finished thread on the same CPU left, or a new one. What a record
  /// counts belongs to one CPU.
  func acquire(for engine: Engine, cpu: UInt32) -> UnsafeMutablePointer<ThreadContext> {
    unsafe lock.withLock {
      if let index = unsafe finished.lastIndex(where: { unsafe $0.pointee.cpu == cpu }) {
        let record = unsafe finished.remove(at: index)
        unsafe Self.openWatch(record)
        return unsafe record
      }
      let index = count.load(ordering: .relaxed)
      precondition(index < Self.capacity, "netisr: more than \(Self.capacity) threads use one engine")
      let record = unsafe allocate_aligned(ThreadContext.self)
      let counters = UnsafeMutablePointer<Atomic<UInt64>>.allocate(capacity: CounterRegistry.capacity)
      for word in 0..<CounterRegistry.capacity {
        unsafe (counters + word).initialize(to: Atomic(0))
      }
      let watch = UnsafeMutablePointer<netisr_host_watch>.allocate(capacity: 1)
      unsafe watch.initialize(to: netisr_host_watch())
      unsafe record.initialize(
        to: ThreadContext(
          cpu: cpu, table: engine.table, engine: engine, mbufs: MbufCache(pool: engine.mbufs), counters: counters,
          traffic: TrafficCounters(), watch: watch))
      unsafe records[index] = record
      // Release: pairs with the acquire in `forEach`, which then sees an initialised record.
      count.store(index + 1, ordering: .releasing)
      unsafe Self.openWatch(record)
      return unsafe record
    }
  }

  /// Gives back a record whose thread has left every handler.
  func release(_ record: UnsafeMutablePointer<ThreadContext>) {
    unsafe record.pointee.mbufs.flush()
    unsafe record.pointee.successor = nil
    lock.withLock {
      unsafe netisr_host_watch_close(record.pointee.watch)
      unsafe finished.append(record)
    }
  }

  /// By the record's thread, with the lock.
  private static func openWatch(_ record: UnsafeMutablePointer<ThreadContext>) {
    unsafe record.pointee.traffic.withWords { unsafe netisr_host_watch_open(record.pointee.watch, $0, $1) }
  }

  /// Visits every record that a thread has, which stays its thread's meanwhile: no thread comes or goes. For the watchdog.
  func forEachWatched(_ body: (UnsafeMutablePointer<ThreadContext>) -> Void) {
    lock.withLock {
      for index in 0..<count.load(ordering: .relaxed) where unsafe records[index].pointee.watch.pointee.is_open != 0 {
        unsafe body(records[index])
      }
    }
  }

  /// Visits every record, while none is made.
  func forEachLocked(_ body: (UnsafeMutablePointer<ThreadContext>) -> Void) {
    lock.withLock { unsafe forEach(body) }
  }

  /// Visits every record, also those of finished threads.
  func forEach(_ body: (UnsafeMutablePointer<ThreadContext>) -> Void) {
    for index in 0..<count.load(ordering: .acquiring) {
      unsafe body(records[index])
    }
  }
}

/// Memory for values of which none shares a pair of cache lines with anything else, if their size allows.
func allocate_aligned<T: ~Copyable>(_ type: T.Type, count: Int = 1) -> UnsafeMutablePointer<T> {
  let alignment = 128
  let size = (MemoryLayout<T>.stride * count + alignment - 1) / alignment * alignment
  let raw = UnsafeMutableRawPointer.allocate(byteCount: size, alignment: alignment)
  return unsafe raw.bindMemory(to: type, capacity: count)
}

/// Frees what `allocate_aligned` made.
func free_aligned<T: ~Copyable>(_ pointer: UnsafeMutablePointer<T>) {
  unsafe UnsafeMutableRawPointer(pointer).deallocate()
}
