import Synchronization

/// What one thread counted for one protocol in a session: times of its handler and its callouts, and delays in its queues.
///
/// Single writer; readers see each word whole, at some recent moment.
@safe
struct Account: ~Copyable {
  /// Whose the figures are; 0 while they begin anew.
  private let session = Atomic<UInt16>(0)
  private let packets = Atomic<UInt64>(0)
  private let batches = Atomic<UInt64>(0)
  private let nanoseconds = Atomic<UInt64>(0)
  private let longest = Atomic<UInt64>(0)
  private let callbacks = Atomic<UInt64>(0)
  private let callbackNanoseconds = Atomic<UInt64>(0)
  private let longestDelay = Atomic<UInt64>(0)
  /// By bucket of `DelayScale`.
  private let delays: UnsafeMutablePointer<Atomic<UInt64>>

  init() {
    unsafe delays = .allocate(capacity: DelayScale.count)
    for bucket in 0..<DelayScale.count { unsafe (delays + bucket).initialize(to: Atomic(0)) }
  }

  deinit {
    unsafe delays.deallocate()
  }

  // MARK: The owning thread

  /// Begins at 0, if the figures are another session's.
  @inline(__always)
  func enter(session now: UInt16) {
    if session.load(ordering: .relaxed) != now { begin(now) }
  }

  @inline(never)
  private func begin(_ now: UInt16) {
    session.store(0, ordering: .relaxed)
    packets.store(0, ordering: .relaxed)
    batches.store(0, ordering: .relaxed)
    nanoseconds.store(0, ordering: .relaxed)
    longest.store(0, ordering: .relaxed)
    callbacks.store(0, ordering: .relaxed)
    callbackNanoseconds.store(0, ordering: .relaxed)
    longestDelay.store(0, ordering: .relaxed)
    for bucket in 0..<DelayScale.count { unsafe delays[bucket].store(0, ordering: .relaxed) }
    // Release: pairs with the acquire in `add`: who sees the session sees no figure from before.
    session.store(now, ordering: .releasing)
  }

  /// Enters one call of the handler.
  ///
  /// - Parameters:
  ///   - whole: how long it took, in nanoseconds.
  ///   - own: less what other handlers took that it called at once.
  @inline(__always)
  func countRun(whole: UInt64, own: UInt64) {
    Self.add(own, to: nanoseconds)
    if whole > longest.load(ordering: .relaxed) { longest.store(whole, ordering: .relaxed) }
  }

  /// Enters one call of a callout, or of `nh_drainedcpu`: what it took itself, in nanoseconds.
  @inline(__always)
  func countCallback(own: UInt64) {
    Self.add(1, to: callbacks)
    Self.add(own, to: callbackNanoseconds)
  }

  /// Enters the end of a batch of calls.
  @inline(__always)
  func countBatch(of count: Int) {
    guard count > 0 else { return }
    Self.add(UInt64(count), to: packets)
    Self.add(1, to: batches)
  }

  /// Enters the time between a packet's queueing and its handler, in nanoseconds.
  @inline(__always)
  func countDelay(_ delay: UInt64) {
    unsafe Self.add(1, to: delays[DelayScale.bucket(of: delay)])
    if delay > longestDelay.load(ordering: .relaxed) { longestDelay.store(delay, ordering: .relaxed) }
  }

  /// By the single writer: no locked instruction.
  @inline(__always)
  private static func add(_ n: UInt64, to word: borrowing Atomic<UInt64>) {
    word.store(word.load(ordering: .relaxed) &+ n, ordering: .relaxed)
  }

  // MARK: Any thread

  /// Adds the figures to `sum`, if they are of that session.
  func add(to sum: inout AccountStatistics, session wanted: UInt16) {
    // Acquire: pairs with the release in `begin`.
    guard session.load(ordering: .acquiring) == wanted else { return }
    sum.packets &+= packets.load(ordering: .relaxed)
    sum.batches &+= batches.load(ordering: .relaxed)
    sum.nanoseconds &+= nanoseconds.load(ordering: .relaxed)
    sum.callbacks &+= callbacks.load(ordering: .relaxed)
    sum.callbackNanoseconds &+= callbackNanoseconds.load(ordering: .relaxed)
    sum.longest = max(sum.longest, longest.load(ordering: .relaxed))
    sum.longestDelay = max(sum.longestDelay, longestDelay.load(ordering: .relaxed))
    for bucket in 0..<DelayScale.count {
      let count = unsafe delays[bucket].load(ordering: .relaxed)
      if count > 0 { sum.delays[DelayScale.middle(of: bucket), default: 0] &+= count }
    }
  }
}
