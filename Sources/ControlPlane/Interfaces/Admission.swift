import NetISR

/// Keeps sources from overflowing queues: a source sends only what was granted here.
///
/// What was granted and not yet sent counts as if it were queued, so that several sources share what room there is.
///
/// [any thread]
final class Admission: @unchecked Sendable {
  private let engine: Engine
  private let lock = Lock()
  // Under the lock.
  private var granted = 0
  private var pauses = 0

  init(engine: Engine) {
    self.engine = engine
  }

  /// Below this, a source waits until there is more room, as long as something is queued: the look at the queues would
  /// cost more than the few packets that it lets through.
  private static let least = 32

  /// Room for up to `limit` packets: 0 when there is none, or little, at the moment. What was granted is given back with
  /// `finish`.
  func take(upTo limit: Int) -> Int {
    lock.withLock {
      guard pauses == 0 else { return 0 }
      // Read twice: a packet that moves from one queue to another between two locks may be missed once.
      let room = min(engine.room, engine.room) - granted
      let grant = max(0, min(limit, room))
      // Queues that are shorter than `least` are filled from empty.
      guard grant >= min(limit, Self.least) || (granted == 0 && engine.isDrained) else { return 0 }
      granted += grant
      return grant
    }
  }

  /// The packets of a grant were sent, or not needed: from now on the queues say what they take.
  func finish(_ grant: Int) {
    lock.withLock { granted -= grant }
  }

  /// Lets a live source send a burst, whatever room there is: what overflows a queue is dropped there, and counted. False
  /// during a pause; else it ends with `finish(1)`.
  func enter() -> Bool {
    lock.withLock {
      guard pauses == 0 else { return false }
      granted += 1
      return true
    }
  }

  /// Runs `body` while no source sends, for an exact look at figures that otherwise move. It begins when the bursts that
  /// are under way have ended, or after 50 ms.
  func pausing<T>(_ body: () -> T) -> T {
    lock.withLock { pauses += 1 }
    defer { lock.withLock { pauses -= 1 } }
    let deadline = SteadyClock.now + 50_000_000
    var backoff = Backoff()
    while lock.withLock({ granted }) > 0, SteadyClock.now < deadline { backoff.pause() }
    while !engine.isDrained, SteadyClock.now < deadline { backoff.pause() }
    return body()
  }
}
