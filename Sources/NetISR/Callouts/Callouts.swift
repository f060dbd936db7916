import CNetISR
import Synchronization

/// The callouts of an engine: a queue for each CPU, so that the number of workstreams may change while they are armed.
/// Workstream w runs the queues w, w + n, w + 2n, ... of n workstreams, as their executor: a change of n moves whole
/// queues, after the old workstreams have ended and before the new ones begin, and order holds.
///
/// | what | exclusion |
/// |---|---|
/// | `held`, `watchers` | the lock |
/// | `closed`, `owners` | a lock of its own; looked at only while code is about to go, or after a fault |
@safe
final class Callouts: @unchecked Sendable {
  let clocks: Clocks
  let count: Int
  // `count` of them, from init to deinit.
  let queues: UnsafeMutablePointer<CalloutQueue>

  /// What a plugin's registration has armed, to begin when it serves.
  private struct Held {
    var id: UInt64
    var clock: UInt32
    var delay: UInt64
  }

  /// A function that is called after changes of interfaces.
  @safe
  private struct Watcher {
    let function: CalloutFunction
    let argument: UnsafeMutableRawPointer?
    /// Whose it is while its registration is not complete.
    var registering: PluginIdentity?
    /// Its last call.
    var id: UInt64 = 0
    /// Whose mbufs they are that it makes.
    let mark: UInt32

    var address: UInt { unsafe UInt(bitPattern: unsafeBitCast(function, to: UnsafeRawPointer.self)) }
  }

  private let lock = Lock()
  private var held: [PluginIdentity: [Held]] = [:]
  private var watchers: [Watcher] = []
  /// Taken under a queue's lock, so that none is taken under it.
  private let closing = Lock()
  private var closed: [Range<UInt>] = []
  /// Which protocol's handler is in which code.
  private var owners: [(code: Range<UInt>, proto: Int)] = []
  /// Whether `closed` has anything.
  private let isAnyClosed = Atomic(false)

  init(clocks: Clocks, count: Int) {
    self.clocks = clocks
    // An identifier has twelve bits for the queue.
    self.count = min(count, 4096)
    unsafe queues = allocate_aligned(CalloutQueue.self, count: self.count)
    for number in 0..<self.count { unsafe (queues + number).initialize(to: CalloutQueue(number: number)) }
  }

  deinit {
    unsafe queues.deinitialize(count: count)
    unsafe free_aligned(queues)
  }

  /// The queue that an identifier, or any number, names.
  @inline(__always)
  func queue(of id: UInt64) -> UnsafeMutablePointer<CalloutQueue>? {
    let number = Int(id &>> 52)
    return unsafe id != 0 && number < count ? queues + number : nil
  }

  // MARK: Arming

  /// A record that can be armed; nil when there are too many, or the function's code is about to go.
  ///
  /// - Parameter mark: whose mbufs they are that it makes: a `MbufHolder`.
  func reserve(
    _ function: CalloutFunction, _ argument: UnsafeMutableRawPointer?, clock: UInt32, cpu: UInt32, mark: UInt32
  ) -> UInt64? {
    guard Int(clock) < Clocks.count else { return nil }
    let queue = unsafe queues + Int(cpu) % count
    return unsafe queue.pointee.reserve(function, argument, clock: Int(clock), mark: mark) { address in
      // Under the queue's lock: who closes code looks through the queue after this, or this sees it closed.
      isAnyClosed.load(ordering: .acquiring) && closing.withLock { closed.contains { $0.contains(address) } }
    }
  }

  /// Arms a reserved record. The queue, if a worker may have to wake earlier for it.
  func arm(_ id: UInt64, after delay: UInt64, clock: UInt32) -> Int? {
    guard let queue = unsafe queue(of: id) else { return nil }
    let (sum, overflow) = clocks.passed(Int(clock)).addingReportingOverflow(delay)
    // The last value says "none".
    let deadline = overflow ? CalloutQueue.none - 1 : min(sum, CalloutQueue.none - 1)
    guard unsafe queue.pointee.arm(id, deadline: deadline, passed: { clocks.passed(Int(clock)) }) else { return nil }
    // Nobody sleeps until a time that must be told.
    if clock == 0, clocks.isManual, deadline > clocks.passed(0) { return nil }
    return unsafe queue.pointee.number
  }

  /// Keeps a reserved record until the plugin serves.
  func hold(_ id: UInt64, after delay: UInt64, clock: UInt32, for identity: PluginIdentity) {
    lock.withLock { held[identity, default: []].append(Held(id: id, clock: clock, delay: delay)) }
  }

  // MARK: A plugin's life

  /// Begins what a registration has armed, now that the plugin serves. The queues whose workers may have to wake.
  func commit(_ identity: PluginIdentity) -> [Int] {
    let begun = lock.withLock {
      for index in watchers.indices where watchers[index].registering == identity { watchers[index].registering = nil }
      return held.removeValue(forKey: identity) ?? []
    }
    return begun.compactMap { arm($0.id, after: $0.delay, clock: $0.clock) }
  }

  /// The registration failed.
  func abort(_ identity: PluginIdentity) {
    let dropped = lock.withLock {
      watchers.removeAll { $0.registering == identity }
      return held.removeValue(forKey: identity) ?? []
    }
    for one in dropped { unsafe _ = queue(of: one.id)?.pointee.cancel(one.id) }
  }

  /// Stops all callouts whose functions are in a range of addresses, and lets no more be armed, until `open`.
  func close(_ code: Range<UInt>) {
    closing.withLock {
      closed.append(code)
      owners.removeAll { $0.code == code }
      isAnyClosed.store(true, ordering: .releasing)
    }
    lock.withLock { watchers.removeAll { code.contains($0.address) } }
    for number in 0..<count { unsafe queues[number].removeAll(in: code) }
  }

  /// Code serves a protocol.
  func name(_ code: Range<UInt>, _ proto: Int) { closing.withLock { owners.append((code, proto)) } }

  /// The protocol that the code at an address serves.
  func protocolNumber(ofCode address: UInt) -> Int? {
    closing.withLock { owners.first { $0.code.contains(address) }?.proto }
  }

  /// Something else may be mapped there.
  func open(_ code: Range<UInt>) {
    closing.withLock {
      closed.removeAll { $0 == code }
      isAnyClosed.store(!closed.isEmpty, ordering: .releasing)
    }
  }

  // MARK: Interfaces

  /// Has a function called after changes of interfaces, from when the plugin serves.
  func watch(
    _ function: CalloutFunction, _ argument: UnsafeMutableRawPointer?, for identity: PluginIdentity, mark: UInt32
  ) {
    lock.withLock {
      unsafe watchers.append(Watcher(function: function, argument: argument, registering: identity, mark: mark))
    }
  }

  /// Arms the functions that are to be called after a change. The queues whose workers may have to wake.
  func callWatchers() -> [Int] {
    lock.withLock {
      watchers.indices.compactMap { index in
        let watcher = watchers[index]
        guard watcher.registering == nil, unsafe queue(of: watcher.id)?.pointee.isPending(watcher.id) != true,
          let id = unsafe queues[0].reserve(
            watcher.function, watcher.argument, clock: 0, mark: watcher.mark, isClosed: { _ in false })
        else { return nil }
        watchers[index].id = id
        return arm(id, after: 0, clock: 0)
      }
    }
  }
}
