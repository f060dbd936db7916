import Synchronization

/// Keeps order where a protocol turns to direct dispatch while packets of it are still queued: a packet that were handled
/// at once would overtake those of its own flow. (The original accepts that "for a short while".)
///
/// What: a change to direct dispatch first marks the protocols concerned. A marked protocol's packet is handled at once
/// only if its workstream has no packet of the protocol, queued or in hand; otherwise it queues up behind them. When no
/// workstream has any, the mark goes; then direct dispatch selects no workstream any more.
///
/// Why in two steps: a sender that has just read the old policy may still queue. Only after a grace period has every
/// sender seen the new one, and only then may a mark go. The cost in the steady state is one load of a word that is
/// only read.
final class Settling: @unchecked Sendable {
  /// A bit for each protocol whose packets are between two queues. Under the lock.
  private var moving: UInt32 = 0

  /// Held while a packet of a marked protocol is looked after. Taken before the engine's state lock.
  let lock = Lock()

  /// A bit for each protocol that may have queued packets from before.
  private let marked = Atomic<UInt32>(0)
  /// Of these, those whose senders have all seen the new policy.
  private let seen = Atomic<UInt32>(0)

  /// Marks protocols, before the change is published. [control]
  ///
  /// `close` has every new packet of theirs look at the mark. Under the same lock: a sender whose packet found the
  /// mark, and was queued, must not find a way around it for its next one.
  func begin(_ numbers: UInt32, _ close: () -> Void) {
    // Locked: a packet that is just looked after must not take the new mark away.
    lock.withLock {
      seen.bitwiseAnd(~numbers, ordering: .relaxed)
      // Relaxed: published by the release of the change itself.
      marked.bitwiseOr(numbers, ordering: .relaxed)
      close()
    }
  }

  /// Says that packets of a protocol are on their way from one queue to another, or are there. [control]
  func setMoving(_ number: Int, to isMoving: Bool) {
    lock.withLock { moving = isMoving ? moving | 1 << UInt32(number) : moving & ~(1 << UInt32(number)) }
  }

  /// Whether packets of a protocol are between two queues. With the lock held.
  func isMoving(_ number: Int) -> Bool { moving & (1 << UInt32(number)) != 0 }

  /// A grace period after the change has passed. [control]
  func allSeen(_ numbers: UInt32) {
    // Release: pairs with the acquire in `settle`.
    seen.bitwiseOr(numbers, ordering: .releasing)
  }

  /// Whether a packet handled at once might overtake another.
  @inline(__always)
  func mayOvertake(_ number: Int) -> Bool {
    // Acquire: pairs with the release in `settle`; what the last queued packets' handlers did happened before.
    marked.load(ordering: .acquiring) & (1 << UInt32(number)) != 0
  }

  /// Takes the mark away, with the lock held, if that may be and `isIdle` says that nothing is left: whether it is gone.
  func settle(_ number: Int, _ isIdle: () -> Bool) -> Bool {
    let bit: UInt32 = 1 << UInt32(number)
    guard seen.load(ordering: .acquiring) & bit != 0, isIdle() else { return false }
    // Release: pairs with the acquire in `mayOvertake`.
    marked.bitwiseAnd(~bit, ordering: .releasing)
    return true
  }
}
