import Glibc
import Synchronization

/// What time it is, by the host's clock and by those of captures.
///
/// A clock has two faces: the time that it shows, in nanoseconds since the epoch, and how much has passed on it, which
/// never goes back and is what callouts count. The host's is the system's, unless the engine is told its time.
///
/// | what | exclusion |
/// |---|---|
/// | a clock's state | written by one thread at a time: who feeds the capture, or drives the engine |
@safe
final class Clocks: @unchecked Sendable {
  /// Clocks with their own numbers: every interface may have one, and the host has. That of one that is gone
  /// goes on as another's: what was to end by it ends.
  static let count = InterfaceRegistry.limit + 1
  /// By how much packets of one source may come out of order, in nanoseconds; a clock that steps back further has
  /// begun anew, and no time has passed.
  private static let disorder: UInt64 = 60_000_000_000

  private struct State: ~Copyable {
    let shown = Atomic<UInt64>(0)
    let passed = Atomic<UInt64>(0)
  }

  /// Whether the host's clock shows what `advance` says.
  let isManual: Bool
  // `count` of them, from init to deinit.
  private let states: UnsafeMutablePointer<State>

  init(isManual: Bool) {
    self.isManual = isManual
    unsafe states = .allocate(capacity: Self.count)
    for clock in 0..<Self.count { unsafe (states + clock).initialize(to: State()) }
  }

  deinit {
    unsafe states.deinitialize(count: Self.count)
    unsafe states.deallocate()
  }

  /// What a clock below `count` shows, in nanoseconds since the epoch.
  func shown(_ clock: Int) -> UInt64 {
    if clock == 0 && !isManual { return Self.system(CLOCK_REALTIME) }
    return unsafe states[clock].shown.load(ordering: .relaxed)
  }

  /// What has passed on a clock, in nanoseconds.
  @inline(__always)
  func passed(_ clock: Int) -> UInt64 {
    if clock == 0 && !isManual { return Self.system(CLOCK_MONOTONIC) }
    // Acquire: pairs with the release in `advance`.
    return unsafe states[clock].passed.load(ordering: .acquiring)
  }

  /// What has passed on the host's clock, or up to some milliseconds less: for who looks often.
  @inline(__always)
  func passedCoarsely() -> UInt64 {
    isManual ? passed(0) : Self.system(CLOCK_MONOTONIC_COARSE)
  }

  /// Sets what a clock shows. What has passed on it now; nil when nothing has.
  func advance(_ clock: Int, to time: UInt64) -> UInt64? {
    let state = unsafe states + clock
    let before = unsafe state.pointee.shown.load(ordering: .relaxed)
    if time <= before {
      if before &- time > Self.disorder { unsafe state.pointee.shown.store(time, ordering: .relaxed) }
      return nil
    }
    unsafe state.pointee.shown.store(time, ordering: .relaxed)
    // A clock's first time is a beginning.
    if before == 0 { return nil }
    let passed = unsafe state.pointee.passed.load(ordering: .relaxed) &+ (time &- before)
    unsafe state.pointee.passed.store(passed, ordering: .releasing)
    return passed
  }

  /// Has a clock's next time be a beginning, whatever it shows: it is another one's. What has passed on it stays.
  func begin(_ clock: Int) { unsafe states[clock].shown.store(0, ordering: .relaxed) }

  /// A clock of the system's, in nanoseconds.
  static func system(_ clock: clockid_t) -> UInt64 {
    var now = timespec()
    unsafe clock_gettime(clock, &now)
    return UInt64(now.tv_sec) &* 1_000_000_000 &+ UInt64(now.tv_nsec)
  }
}
