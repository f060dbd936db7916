import Synchronization

/// When each clock's datagrams were swept last. Clocks share a few slots; who finds another clock's time there sweeps
/// too often, or (another clock being ahead) leaves it to the bound on datagrams.
///
/// Lost with a reload: then there is one sweep more.
struct SweepTimes: ~Copyable {
  private static let slotBits: UInt32 = 3
  // Nanoseconds. Relaxed: only one of those who come at once need win, and the table has its own locks.
  private let slot0 = Atomic<UInt64>(0)
  private let slot1 = Atomic<UInt64>(0)
  private let slot2 = Atomic<UInt64>(0)
  private let slot3 = Atomic<UInt64>(0)

  /// Whether a sweep is due; then the caller is the one to do it.
  func isDue(clock: UInt32, now: UInt64) -> Bool {
    switch clock & Self.slotBits {
    case 0: claim(slot0, now)
    case 1: claim(slot1, now)
    case 2: claim(slot2, now)
    default: claim(slot3, now)
    }
  }

  private func claim(_ slot: borrowing Atomic<UInt64>, _ now: UInt64) -> Bool {
    let last = slot.load(ordering: .relaxed)
    // A time before the last one is another clock's, or a capture that is not in order.
    let passed = now > last ? now &- last : last &- now
    guard passed >= ReassemblyLimit.sweepInterval else { return false }
    return slot.compareExchange(expected: last, desired: now, ordering: .relaxed).exchanged
  }
}

/// Of this generation.
let sweeps = SweepTimes()
