import CNetISR
import Glibc

/// One serial execution of protocol handlers, and its queues: one per protocol, as in the original.
///
/// Everything in it is guarded by `lock`, which is never held while a handler runs. The flags say who may run
/// handlers for this workstream at the moment; at most one thread does, and that is what keeps its order.
@safe
struct Workstream: ~Copyable {
  let wsid: Int

  /// The worker runs handlers.
  var running = false
  /// A sender runs a handler in the worker's place (hybrid dispatch).
  var dispatching = false
  /// The worker has been woken, and has not begun.
  var scheduled = false
  /// A bit for each protocol whose queue is not empty.
  var pending: UInt32 = 0

  /// By protocol number.
  let work: UnsafeMutablePointer<Work>

  private let mutex: UnsafeMutablePointer<pthread_mutex_t>

  init(wsid: Int) {
    self.wsid = wsid
    unsafe work = .allocate(capacity: Protocols.count)
    unsafe work.initialize(repeating: Work(), count: Protocols.count)
    unsafe mutex = .allocate(capacity: 1)
    unsafe mutex.initialize(to: pthread_mutex_t())
    let error = unsafe pthread_mutex_init(mutex, nil)
    precondition(error == 0, "pthread_mutex_init: \(error)")
  }

  deinit {
    unsafe work.deallocate()
    unsafe pthread_mutex_destroy(mutex)
    unsafe mutex.deallocate()
  }

  @inline(__always)
  func lock() {
    unsafe _ = pthread_mutex_lock(mutex)
  }

  @inline(__always)
  func unlock() {
    unsafe _ = pthread_mutex_unlock(mutex)
  }

  /// Whether nobody runs handlers, nor is about to.
  @inline(__always)
  var isIdle: Bool { !(running || dispatching || scheduled) }

  /// Appends a packet; nil when the queue is full, otherwise whether the worker must be
  /// woken. Locked.
  @inline(__always)
  mutating func append(_ m: UnsafeMutablePointer<mbuf>, to proto: Int) -> Bool? {
    let queue = unsafe work + proto
    guard unsafe queue.pointee.len < queue.pointee.qlimit else { return nil }
    unsafe queue.pointee.append(m)
    unsafe queue.pointee.queued &+= 1
    // Also while the worker runs: it looks at this mask before it goes to sleep.
    pending |= 1 << UInt32(proto)
    guard isIdle else { return false }
    scheduled = true
    return true
  }
}

/// One protocol's queue in one workstream, and its figures, as `netstat -Q` shows them.
@safe
struct Work {
  /// First and last of `len` packets linked by m_nextpkt.
  var head: UnsafeMutablePointer<mbuf>?
  var tail: UnsafeMutablePointer<mbuf>?
  var len = 0
  /// Taken from the queue by the worker, and not yet counted as handled.
  var inProgress = 0
  var qlimit = 0
  var watermark = 0
  var qdrops: UInt64 = 0
  var queued: UInt64 = 0
  var handled: UInt64 = 0
  var hybridDispatched: UInt64 = 0

  @inline(__always)
  mutating func append(_ m: UnsafeMutablePointer<mbuf>) {
    unsafe m.pointee.m_nextpkt = nil
    if let last = unsafe tail {
      unsafe last.pointee.m_nextpkt = m
    } else {
      unsafe head = m
    }
    unsafe tail = m
    len &+= 1
    if len > watermark { watermark = len }
  }

  /// Empties the queue and returns its list.
  mutating func detach() -> UnsafeMutablePointer<mbuf>? {
    defer {
      unsafe head = nil
      unsafe tail = nil
      len = 0
    }
    return unsafe head
  }
}
