import CNetISR
import Glibc
import Synchronization

/// The workstreams of an engine, and their queues: for each protocol a row, with one queue for each workstream.
///
/// What a sender needs of it stands in its protocol's record, so that another number of workers is another set, and other
/// records that lead to it: see `Engine.setWorkerCount`.
@safe
final class WorkerSet: @unchecked Sendable {
  let count: Int
  /// `count` of them, as long as the set.
  let streams: UnsafeMutablePointer<Workstream>
  /// Whether the worker threads are to end when nothing is left to do.
  let isStopping = Atomic(false)
  /// Worker threads, by workstream, while they run. A lock of its own: who takes a lost one's place can't wait for a change,
  /// which may be waiting for that thread.
  private var threadList: [Thread] = []
  private let threadLock = Lock()
  var threads: [Thread] { threadLock.withLock { threadList } }

  // Addresses as integers: the compiler's thread sanitizer pass has no atomics over pointers.
  private let rows: UnsafeMutablePointer<Atomic<UInt>>

  /// Workstreams without queues; where they are held, nobody runs them before `release`.
  init(count: Int, isHeld: Bool) {
    self.count = count
    unsafe streams = allocate_aligned(Workstream.self, count: count)
    for wsid in 0..<count { unsafe (streams + wsid).initialize(to: Workstream(wsid: wsid, isHeld: isHeld)) }
    unsafe rows = .allocate(capacity: Protocols.count)
    for number in 0..<Protocols.count { unsafe (rows + number).initialize(to: Atomic(0)) }
  }

  deinit {
    for number in 0..<Protocols.count { if let row = unsafe row(number) { unsafe free(row: row) } }
    unsafe streams.deinitialize(count: count)
    unsafe free_aligned(streams)
    unsafe rows.deallocate()
  }

  /// The queues of a protocol, by workstream; nil when it has none. By who keeps the row from being freed: inside of a
  /// grace-period section, as an executor, or with one of the engine's locks.
  @inline(__always)
  func row(_ number: Int) -> UnsafeMutablePointer<PacketQueue>? {
    // Acquire: pairs with the release in `setRow`.
    unsafe UnsafeMutablePointer(bitPattern: rows[number].load(ordering: .acquiring))
  }

  /// Publishes the queues of a protocol, or none. [control]
  func setRow(_ number: Int, _ row: UnsafeMutablePointer<PacketQueue>?) {
    unsafe rows[number].store(UInt(bitPattern: row), ordering: .releasing)
  }

  /// Empty queues for a protocol, each of which can take over the packets of an older one of that capacity.
  func makeRow(limit: Int, adopting older: Int = 0) -> UnsafeMutablePointer<PacketQueue> {
    // Senders' and workers' parts must lie on cache lines of their own.
    precondition(MemoryLayout<PacketQueue>.stride == 3 * 128 && MemoryLayout<Workstream>.stride == 2 * 128)
    let row = unsafe allocate_aligned(PacketQueue.self, count: count)
    for wsid in 0..<count { unsafe (row + wsid).initialize(to: PacketQueue(limit: limit, adopting: older)) }
    return unsafe row
  }

  /// Frees queues that nobody can come to any more.
  func free(row: UnsafeMutablePointer<PacketQueue>) {
    unsafe row.deinitialize(count: count)
    unsafe free_aligned(row)
  }

  /// A bit for each protocol that has packets queued in a workstream. Under the conditions of `row`.
  @inline(__always)
  func pending(_ wsid: Int) -> UInt32 {
    var mask: UInt32 = 0
    for number in 1..<Protocols.count {
      if let row = unsafe row(number), unsafe row[wsid].hasPending { mask |= 1 << UInt32(number) }
    }
    return mask
  }

  /// Whether a protocol has packets in any workstream, queued or in hand. Under the conditions of `row`.
  func isBusy(_ number: Int) -> Bool {
    guard let row = unsafe row(number) else { return false }
    return (0..<count).contains { unsafe !row[$0].isEmpty }
  }

  /// Whether nothing is queued nor in hand, and nobody runs. Under the conditions of `row`.
  var isDrained: Bool {
    !(1..<Protocols.count).contains(where: isBusy) && (0..<count).allSatisfy { unsafe streams[$0].isIdle }
  }

  /// The worker threads begin. [control]
  func begin(_ threads: [Thread]) { threadLock.withLock { threadList = threads } }

  /// Waits until all have ended, and those that came in the place of lost ones too. [control]
  func joinThreads() {
    var over: Set<ObjectIdentifier> = []
    while true {
      let next = threadLock.withLock { () -> Thread? in
        let next = threadList.first { !over.contains(ObjectIdentifier($0)) }
        if next == nil { threadList = [] }
        return next
      }
      guard let next else { return }
      next.join()
      over.insert(ObjectIdentifier(next))
    }
  }

  /// Puts another thread in the place of the lost one, if that is a worker: its workstream.
  func replace(_ lost: pthread_t, by make: (Int) -> Thread) -> Int? {
    threadLock.withLock {
      guard let wsid = threadList.firstIndex(where: { $0.isSame(as: lost) }) else { return nil }
      threadList[wsid] = make(wsid)
      return wsid
    }
  }

  /// Lets held workstreams run.
  func release() {
    for wsid in 0..<count { unsafe streams[wsid].leave() }
  }

  /// Runs `body` for each workstream, as its executor: workers step back between two queues. Not from a handler.
  func asExecutor(_ body: (Int) -> Void) {
    for wsid in 0..<count {
      unsafe streams[wsid].enterFirst()
      body(wsid)
      unsafe streams[wsid].leave()
    }
  }

  /// Returns when no executor looks at what was taken away before.
  func passExecutors() { asExecutor { _ in } }
}
