import Synchronization

/// A fixed stack of free objects. Who holds it knows how many of its slots are filled.
typealias Magazine = UnsafeMutablePointer<UnsafeMutableRawPointer>

/// One thread's free objects of one zone: two magazines.
///
/// What: an object is taken from the top of the loaded magazine, and given back on top of it. When the loaded one is
/// empty (or full) the two change places; only when the other one can't help either, a whole magazine is exchanged at
/// the zone's depot, under its lock. That happens at most once in `magazineSize` operations, however they alternate:
/// with a single magazine, a thread at the edge would go to the depot each time. A thread that only takes and
/// another that only gives (a source and a worker) pass whole magazines through the depot.
///
/// Why: no lock, no locked instruction and no shared cache line per packet. After Bonwick and Adams, "Magazines and
/// Vmem" (USENIX 2001). Rejected: malloc (32 to 41 ns a pair on one thread, 740 across two; magazines: 3 to 4 and
/// 12), and a return ring from each worker to each source, which is faster still (6 ns), but grows with the square of
/// the threads and ties an object to who made it.
///
/// Only the owning thread changes anything here. The fields are atomics because others add up the counts, with
/// relaxed loads: a statistic taken while packets move may be off by those.
@safe
struct MagazinePair: ~Copyable {
  // Both have `MbufZone.magazineSize` slots and live as long as the zone, which outlives every thread's record.
  private let loaded: Atomic<Magazine>
  private let previous: Atomic<Magazine>
  private let loadedCount = Atomic<Int>(0)
  /// Either 0 or `magazineSize`: a magazine only gets here empty or full.
  private let previousCount = Atomic<Int>(0)
  private let takenCount = Atomic<UInt64>(0)
  private let givenCount = Atomic<UInt64>(0)
  private unowned(unsafe) let zone: MbufZone

  init(zone: MbufZone) {
    unsafe self.zone = zone
    unsafe loaded = Atomic(zone.makeMagazine())
    unsafe previous = Atomic(zone.makeMagazine())
  }

  /// A free object, or nil when the bound on memory is reached. [owner]
  @inline(__always)
  func take() -> UnsafeMutableRawPointer? {
    var count = loadedCount.load(ordering: .relaxed)
    if count == 0 {
      guard refill() else { return nil }
      count = loadedCount.load(ordering: .relaxed)
    }
    count &-= 1
    loadedCount.store(count, ordering: .relaxed)
    takenCount.store(takenCount.load(ordering: .relaxed) &+ 1, ordering: .relaxed)
    // In bounds: 0 <= count < magazineSize, and slots below the count are filled.
    return unsafe loaded.load(ordering: .relaxed)[count]
  }

  /// Takes an object back. [owner]
  @inline(__always)
  func give(_ object: UnsafeMutableRawPointer) {
    var count = loadedCount.load(ordering: .relaxed)
    if count == MbufZone.magazineSize {
      makeRoom()
      count = 0
    }
    // In bounds: 0 <= count < magazineSize.
    unsafe loaded.load(ordering: .relaxed)[count] = object
    loadedCount.store(count &+ 1, ordering: .relaxed)
    givenCount.store(givenCount.load(ordering: .relaxed) &+ 1, ordering: .relaxed)
  }

  /// Gives every object back to the depot; the magazines stay. [owner]
  func flush() {
    unsafe zone.deposit(loaded.load(ordering: .relaxed), count: loadedCount.load(ordering: .relaxed))
    loadedCount.store(0, ordering: .relaxed)
    unsafe zone.deposit(previous.load(ordering: .relaxed), count: previousCount.load(ordering: .relaxed))
    previousCount.store(0, ordering: .relaxed)
  }

  /// Objects that lie here. [any thread]
  var free: Int { loadedCount.load(ordering: .relaxed) + previousCount.load(ordering: .relaxed) }

  /// Objects that this thread took, less those that it gave back; negative for one that mostly frees. [any thread]
  var inFlight: Int {
    Int(bitPattern: UInt(takenCount.load(ordering: .relaxed) &- givenCount.load(ordering: .relaxed)))
  }

  /// The loaded magazine is empty: makes the loaded one non-empty, if possible.
  @inline(never)
  private func refill() -> Bool {
    if previousCount.load(ordering: .relaxed) > 0 {
      exchange()
      return true
    }
    guard let filled = unsafe zone.replenish(loaded.load(ordering: .relaxed)) else { return false }
    unsafe loaded.store(filled.magazine, ordering: .relaxed)
    unsafe loadedCount.store(filled.count, ordering: .relaxed)
    return true
  }

  /// The loaded magazine is full: makes the loaded one empty.
  @inline(never)
  private func makeRoom() {
    if previousCount.load(ordering: .relaxed) > 0 {
      unsafe previous.store(zone.accept(full: previous.load(ordering: .relaxed)), ordering: .relaxed)
      previousCount.store(0, ordering: .relaxed)
    }
    exchange()
  }

  private func exchange() {
    let magazine = unsafe loaded.load(ordering: .relaxed)
    let count = loadedCount.load(ordering: .relaxed)
    unsafe loaded.store(previous.load(ordering: .relaxed), ordering: .relaxed)
    loadedCount.store(previousCount.load(ordering: .relaxed), ordering: .relaxed)
    unsafe previous.store(magazine, ordering: .relaxed)
    previousCount.store(count, ordering: .relaxed)
  }
}
