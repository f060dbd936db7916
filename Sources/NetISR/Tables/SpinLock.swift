import CNetISRHost
import Glibc
import Synchronization

/// A lock for a few instructions: one locked instruction to take it, a plain store to give it back, and it lies where
/// it is needed. Who does not get it spins for about two microseconds, and then leaves the CPU to the holder, who may
/// be waiting for just that.
@safe
struct SpinLock: ~Copyable {
  private let word = Atomic<UInt32>(0)

  @inline(__always)
  func lock() {
    // Acquire: pairs with the release in `unlock`.
    if word.exchange(1, ordering: .acquiring) == 0 { return }
    lockSlowly()
  }

  @inline(__always)
  func unlock() {
    word.store(0, ordering: .releasing)
  }

  @inline(never)
  private func lockSlowly() {
    var spins = 0
    while true {
      if word.load(ordering: .relaxed) == 0, word.exchange(1, ordering: .acquiring) == 0 { return }
      spins += 1
      if spins % 64 == 0 {
        sched_yield()
      } else {
        netisr_host_pause()
      }
    }
  }
}

/// Readers on many threads, and a rare writer: a reader locks one of sixteen locks, by its thread, the writer all.
///
/// What: reading costs one locked instruction on a cache line that hardly anybody else touches. Why: the one counter
/// of an ordinary reader-writer lock is written by every reader, which costs two readers 48 ns instead of 11. Rejected:
/// copies of the whole for each change, which make a route feed of a million prefixes quadratic.
@safe
struct StripedLock: ~Copyable {
  static let stripes = 16
  /// Two cache lines: neighbouring lines are fetched together.
  private static let distance = 128

  // `stripes` locks, `distance` bytes apart, from init to deinit.
  private let base: UnsafeMutableRawPointer

  init() {
    unsafe base = .allocate(byteCount: Self.stripes * Self.distance, alignment: Self.distance)
    for stripe in 0..<Self.stripes { unsafe lock(stripe).initialize(to: SpinLock()) }
  }

  deinit { unsafe base.deallocate() }

  /// The stripe of the thread with this record.
  @inline(__always)
  static func stripe(of context: UnsafeMutablePointer<ThreadContext>) -> Int {
    // The upper bits of a multiplication by the golden ratio spread addresses evenly.
    Int((UInt64(UInt(bitPattern: context)) &* 0x9e37_79b9_7f4a_7c15) >> 60)
  }

  @inline(__always)
  private func lock(_ stripe: Int) -> UnsafeMutablePointer<SpinLock> {
    unsafe (base + stripe &* Self.distance).assumingMemoryBound(to: SpinLock.self)
  }

  @inline(__always)
  func lockShared(_ stripe: Int) { unsafe lock(stripe).pointee.lock() }

  @inline(__always)
  func unlockShared(_ stripe: Int) { unsafe lock(stripe).pointee.unlock() }

  func lockAll() {
    for stripe in 0..<Self.stripes { unsafe lock(stripe).pointee.lock() }
  }

  func unlockAll() {
    for stripe in 0..<Self.stripes { unsafe lock(stripe).pointee.unlock() }
  }
}
