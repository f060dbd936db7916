import CNetISR
import CNetISRHost
import Synchronization

/// One serial execution of protocol handlers: who may run them at the moment, and whether its worker sleeps.
///
/// Its executor is the one thread that runs handlers for it: its worker, a sender that dispatches in the worker's place
/// (hybrid dispatch), or a change that needs the queues for itself. Order within a workstream follows from there being
/// one at most. Executors take turns by compare and exchange (`taken`), but for a sender that was the only one to
/// dispatch for a while: it is preferred, and needs plain stores only, to a word of its own. Whoever takes `taken`
/// first ends the preference: membarrier(2), then a wait for that sender's handler.
///
/// Sleeping is announced by the worker, which makes up for the sender's missing fence with membarrier(2) too: a sender
/// that queues sees the announcement, or the worker sees the packet.
@safe
struct Workstream: ~Copyable {
  /// The values of `sleep`.
  private static let awake: UInt32 = 0
  private static let asleep: UInt32 = 1
  private static let signalled: UInt32 = 2
  /// Packets that a sender dispatches without anybody else coming between, before it is preferred: at first, and at
  /// most. Each end of a preference doubles it, for it costs some microseconds: as much as hundreds of packets gain. So
  /// where others come again and again, the senders soon take turns by compare and exchange.
  private static let patience: ClosedRange<UInt32> = 64...65536

  /// In `taken`, where there is no record: a change, or who holds a workstream that nobody may run yet.
  private static let change: UInt = 1

  let wsid: Int

  /// The executor, unless it is the preferred sender: its record's address, or `change`; 0 for none.
  private let taken: Atomic<UInt>
  /// Whether a change waits for its turn: the worker steps back.
  private let wanted = Atomic<UInt32>(0)
  private let sleep = Atomic<UInt32>(Workstream.asleep)
  private let padding1 = InlineArray<13, UInt64>(repeating: 0)

  /// The preferred sender, by its record's address; 0 for none.
  private let preferred = Atomic<UInt>(0)
  private let streak = Atomic<UInt32>(0)
  private let neededStreak = Atomic<UInt32>(Workstream.patience.lowerBound)
  private let lastSender = Atomic<UInt>(0)
  private let padding2 = InlineArray<13, UInt64>(repeating: 0)

  /// A workstream whose worker sleeps; one that is held has an executor, until `leave`.
  init(wsid: Int, isHeld: Bool) {
    self.wsid = wsid
    taken = Atomic(isHeld ? Self.change : 0)
  }

  // MARK: Executors

  /// How a sender became the executor.
  enum Turn {
    case preferred, taken
  }

  /// Makes a sender the executor, if there is none and the worker was not woken: then it could overtake.
  @inline(__always)
  func tryEnter(_ sender: UnsafeMutablePointer<ThreadContext>) -> Turn? {
    guard sleep.load(ordering: .relaxed) != Self.signalled else { return nil }
    let name = UInt(bitPattern: sender)
    guard preferred.load(ordering: .relaxed) == name else { return tryTake(name) }
    return unsafe enterPreferred(sender)
  }

  /// Makes the preferred sender the executor, unless there is one.
  @inline(__always)
  private func enterPreferred(_ sender: UnsafeMutablePointer<ThreadContext>) -> Turn? {
    let name = UInt(bitPattern: sender)
    // A handler that it runs already dispatches.
    guard unsafe sender.pointee.dispatching.load(ordering: .relaxed) == 0 else { return nil }
    // A word of the sender's own: a sender that was stopped here, and is preferred no more, disturbs nobody.
    unsafe sender.pointee.dispatching.store(1, ordering: .relaxed)
    // Pairs with the membarrier in `endPreference`: either that sees this, or this sees what was stored before it.
    netisr_host_compiler_barrier()
    // Acquire: pairs with the release in `leave`.
    if preferred.load(ordering: .relaxed) == name, taken.load(ordering: .acquiring) == 0 { return .preferred }
    unsafe sender.pointee.dispatching.store(0, ordering: .releasing)
    return nil
  }

  @inline(never)
  private func tryTake(_ sender: UInt) -> Turn? {
    guard wanted.load(ordering: .relaxed) == 0,
      taken.compareExchange(expected: 0, desired: sender, ordering: .acquiringAndReleasing).exchanged
    else { return nil }
    endPreference()
    let count = lastSender.load(ordering: .relaxed) == sender ? streak.load(ordering: .relaxed) &+ 1 : 0
    lastSender.store(sender, ordering: .relaxed)
    streak.store(count, ordering: .relaxed)
    if count >= neededStreak.load(ordering: .relaxed) { preferred.store(sender, ordering: .relaxed) }
    return .taken
  }

  /// Ends a sender's turn.
  @inline(__always)
  func leave(_ turn: Turn, _ sender: UnsafeMutablePointer<ThreadContext>) {
    switch turn {
    // Release: pairs with the acquire in `endPreference`.
    case .preferred: unsafe sender.pointee.dispatching.store(0, ordering: .releasing)
    case .taken: leave()
    }
  }

  /// Makes the calling thread the executor; waits for another's end. Not from a handler.
  func enter(_ executor: UnsafeMutablePointer<ThreadContext>) -> Turn {
    // A thread that sends and works in turn has nobody to wait for.
    if preferred.load(ordering: .relaxed) == UInt(bitPattern: executor), let turn = unsafe enterPreferred(executor) {
      return turn
    }
    let name = UInt(bitPattern: executor)
    var backoff = Backoff()
    while wanted.load(ordering: .relaxed) != 0
      || !taken.compareExchange(expected: 0, desired: name, ordering: .acquiringAndReleasing).exchanged
    {
      backoff.pause()
    }
    endPreference()
    return .taken
  }

  /// The same, in front of the worker. Not from a handler.
  func enterFirst() {
    wanted.wrappingAdd(1, ordering: .relaxed)
    var backoff = Backoff()
    while !taken.compareExchange(expected: 0, desired: Self.change, ordering: .acquiringAndReleasing).exchanged {
      backoff.pause()
    }
    endPreference()
    wanted.wrappingSubtract(1, ordering: .relaxed)
  }

  /// Whether the worker should step back for a moment.
  @inline(__always)
  var isWanted: Bool { wanted.load(ordering: .relaxed) != 0 }

  /// The executor's end.
  func leave() {
    // Release: pairs with the acquire of the next one.
    taken.store(0, ordering: .releasing)
  }

  /// How a thread that will never `leave` is the executor; nil when it is not. By who takes its place.
  func turn(of lost: UnsafeMutablePointer<ThreadContext>) -> Turn? {
    let name = UInt(bitPattern: lost)
    if taken.load(ordering: .acquiring) == name { return .taken }
    if preferred.load(ordering: .acquiring) == name, unsafe lost.pointee.dispatching.load(ordering: .acquiring) != 0 {
      return .preferred
    }
    return nil
  }

  /// By who holds `taken`: returns when the preferred sender is outside, and preferred no more.
  private func endPreference() {
    guard preferred.load(ordering: .relaxed) != 0 else { return }
    let last = preferred.exchange(0, ordering: .sequentiallyConsistent)
    netisr_host_barrier_everywhere()
    // A record, which lives as long as the engine; its thread dispatches for no other workstream.
    if let record = unsafe UnsafeMutablePointer<ThreadContext>(bitPattern: last) {
      var backoff = Backoff()
      while unsafe record.pointee.dispatching.load(ordering: .acquiring) != 0 { backoff.pause() }
    }
    streak.store(0, ordering: .relaxed)
    let needed = neededStreak.load(ordering: .relaxed)
    neededStreak.store(min(2 &* needed, Self.patience.upperBound), ordering: .relaxed)
  }

  /// Whether nobody runs handlers, nor was the worker woken to do so.
  var isIdle: Bool {
    taken.load(ordering: .acquiring) == 0 && !isDispatching
      && sleep.load(ordering: .acquiring) != Self.signalled
  }

  /// Whether the preferred sender is the executor.
  private var isDispatching: Bool {
    guard let record = unsafe UnsafeMutablePointer<ThreadContext>(bitPattern: preferred.load(ordering: .acquiring))
    else { return false }
    return unsafe record.pointee.dispatching.load(ordering: .acquiring) != 0
  }

  // MARK: Sleep

  /// After queueing: wakes the worker, if it sleeps.
  @inline(__always)
  func signal() {
    // Pairs with the membarrier in `announceSleep`.
    netisr_host_compiler_barrier()
    if sleep.load(ordering: .relaxed) == Self.asleep { wake() }
  }

  /// Wakes the worker, whether there is work or not.
  @inline(never)
  func wake() {
    if sleep.compareExchange(expected: Self.asleep, desired: Self.signalled, ordering: .acquiringAndReleasing).exchanged
    {
      unsafe withUnsafePointer(to: sleep) { word in
        unsafe netisr_host_futex_wake(UnsafeRawPointer(word).assumingMemoryBound(to: UInt32.self))
      }
    }
  }

  /// The worker is about to sleep. It must look for work once more after this, and either `rest` or `rise`.
  func announceSleep() {
    sleep.store(Self.asleep, ordering: .sequentiallyConsistent)
    netisr_host_barrier_everywhere()
  }

  /// Sleeps until there is a signal, or so many nanoseconds have passed; nil is for ever.
  func rest(atMost duration: UInt64?) {
    while sleep.load(ordering: .acquiring) == Self.asleep {
      let isOver = unsafe withUnsafePointer(to: sleep) { word in
        unsafe netisr_host_futex_wait(
          UnsafeRawPointer(word).assumingMemoryBound(to: UInt32.self), Self.asleep, duration ?? .max)
      }
      // The caller looks at its callouts again, also when it was woken for no reason.
      if isOver != 0 || duration != nil { return }
    }
  }

  /// The worker does not sleep, whatever it did before.
  @inline(__always)
  func stayAwake() {
    if !isAwake { rise() }
  }

  /// Whether the worker neither sleeps nor was woken.
  @inline(__always)
  var isAwake: Bool { sleep.load(ordering: .relaxed) == Self.awake }

  /// The worker is awake.
  func rise() { sleep.store(Self.awake, ordering: .relaxed) }

  /// Takes the signal, if there is one: true, and the worker is awake.
  func takeSignal() -> Bool {
    sleep.compareExchange(expected: Self.signalled, desired: Self.awake, ordering: .acquiringAndReleasing).exchanged
  }
}
