/// Freed objects of one zone that are kept from use, while they are checked (net.isr.mbufdebug).
///
/// What: a freed object is filled with what nobody writes, and used again only when many others were freed after it: a late
/// write hits it then, rather than another packet, and is seen before it is used again. Which objects are here is kept apart
/// from them, so that a second free is told from the first, whatever was written to the object.
///
/// Why one list for all threads, under a lock: checks may cost, and an object that one thread frees twice may be another's by
/// then.
@safe
final class FreedObjects: @unchecked Sendable {
  /// Objects that are freed before one is used again.
  static let delay = 256

  /// One of them.
  @safe
  struct Kept {
    let object: UnsafeMutableRawPointer
    /// Marks of guarded calls' subjects: who had it, and whose code freed it; 0 for none.
    let holder: UInt32
    let freedBy: UInt32

    /// Who had it last, as far as is known.
    var lastUser: UInt32 { holder != 0 ? holder : freedBy }
  }

  private let lock = Lock()
  // Under the lock. From `first` on, oldest first; what is before was taken.
  private var queue: [Kept] = []
  private var first = 0
  private var isOpen = false
  /// By address.
  private var known: [UInt: Kept] = [:]

  /// Objects here.
  var count: Int { lock.withLock { queue.count - first } }

  /// Takes objects from now on.
  func open() { lock.withLock { isOpen = true } }

  /// Takes none any more: those that were here.
  func close() -> [Kept] {
    lock.withLock {
      defer {
        queue = []
        first = 0
        known = [:]
        isOpen = false
      }
      return Array(queue[first...])
    }
  }

  /// Keeps an object, which `fill` fills; false when none is taken, and it is still the caller's.
  func keep(_ kept: Kept, _ fill: () -> Void) -> Bool {
    lock.withLock {
      guard isOpen else { return false }
      fill()
      known[unsafe UInt(bitPattern: kept.object)] = kept
      queue.append(kept)
      return true
    }
  }

  /// What is known of an object that is here.
  func find(_ object: UnsafeRawPointer) -> Kept? { lock.withLock { known[UInt(bitPattern: object)] } }

  /// Takes the oldest one out, if there are enough younger ones, or it is urgent.
  func next(isUrgent: Bool) -> Kept? {
    lock.withLock {
      guard queue.count - first > (isUrgent ? 0 : Self.delay) else { return nil }
      let kept = queue[first]
      first += 1
      if first >= 4 * Self.delay {
        queue.removeFirst(first)
        first = 0
      }
      known[unsafe UInt(bitPattern: kept.object)] = nil
      return kept
    }
  }
}
