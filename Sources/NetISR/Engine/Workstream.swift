import CNetISR
import Glibc

/// One serial execution of protocol handlers, and its queues: one per protocol, as in the original.
///
/// Everything that changes is guarded by `mutex`, which is never held while a handler runs. The flags say who may run
/// handlers for this workstream at the moment; at most one thread does, and that is what keeps its order.
///
/// Storage only, never copied: it is used through a pointer, field by field. A method of the struct itself would
/// begin with reading all of it, outside of the lock.
@safe
struct Workstream {
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

  fileprivate let mutex: UnsafeMutablePointer<pthread_mutex_t>

  init(wsid: Int) {
    self.wsid = wsid
    unsafe work = .allocate(capacity: Protocols.count)
    unsafe work.initialize(repeating: Work(), count: Protocols.count)
    unsafe mutex = .allocate(capacity: 1)
    unsafe mutex.initialize(to: pthread_mutex_t())
    let error = unsafe pthread_mutex_init(mutex, nil)
    precondition(error == 0, "pthread_mutex_init: \(error)")
  }

  /// Frees what `init` allocated.
  func destroy() {
    unsafe work.deallocate()
    unsafe pthread_mutex_destroy(mutex)
    unsafe mutex.deallocate()
  }
}

extension UnsafeMutablePointer where Pointee == Workstream {
  @inline(__always)
  func lock() {
    _ = unsafe pthread_mutex_lock(pointee.mutex)
  }

  @inline(__always)
  func unlock() {
    _ = unsafe pthread_mutex_unlock(pointee.mutex)
  }

  /// Whether nobody runs handlers, nor is about to. Locked.
  @inline(__always)
  var isIdle: Bool { unsafe !(pointee.running || pointee.dispatching || pointee.scheduled) }

  /// Appends a packet; nil when the queue is full, otherwise whether the worker must be woken. Locked.
  @inline(__always)
  func append(_ m: UnsafeMutablePointer<mbuf>, to proto: Int) -> Bool? {
    let queue = unsafe pointee.work + proto
    guard unsafe queue.pointee.len < queue.pointee.qlimit else { return nil }
    unsafe queue.pointee.append(m)
    unsafe queue.pointee.queued &+= 1
    // Also while the worker runs: it looks at this mask before it goes to sleep.
    unsafe pointee.pending |= 1 << UInt32(proto)
    guard unsafe isIdle else { return false }
    unsafe pointee.scheduled = true
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
