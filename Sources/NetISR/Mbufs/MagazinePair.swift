import CNetISRHost
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
/// The bounds at which the zone is asked are words, rather than constants, so that somebody else can have every operation go
/// the slow way, for the checks of `FreedObjects`: that costs nothing while there are none.
///
/// Only the owning thread changes anything here, but for the two bounds. The fields are atomics because others add up
/// the counts, with relaxed loads: a statistic taken while packets move may be off by those.
@safe
struct MagazinePair: ~Copyable {
  // Both have `MbufZone.magazineSize` slots and live as long as the zone, which outlives every thread's record.
  // Addresses as integers, which need no look whether they are there.
  private let loaded: Atomic<UInt>
  private let previous: Atomic<UInt>
  private let loadedCount = Atomic<Int>(0)
  /// Either 0 or `magazineSize`: a magazine only gets here empty or full.
  private let previousCount = Atomic<Int>(0)
  /// With no more objects than this, `take` goes the slow way: 0, or while freed objects are checked any number.
  private let takeBound: Atomic<Int>
  /// With as many objects, `give` does: `magazineSize`, or while freed objects are checked 0.
  private let giveBound: Atomic<Int>
  private let takenCount = Atomic<UInt64>(0)
  private let givenCount = Atomic<UInt64>(0)
  private unowned(unsafe) let zone: MbufZone

  init(zone: MbufZone) {
    unsafe self.zone = zone
    takeBound = Atomic(zone.takeBound)
    giveBound = Atomic(zone.giveBound)
    unsafe loaded = Atomic(UInt(bitPattern: zone.makeMagazine()))
    unsafe previous = Atomic(UInt(bitPattern: zone.makeMagazine()))
  }

  /// A free object, or nil when the bound on memory is reached. [owner]
  @inline(__always)
  func take() -> UnsafeMutableRawPointer? {
    let count = loadedCount.load(ordering: .relaxed)
    guard count > takeBound.load(ordering: .relaxed) else { return unsafe takeSlowly() }
    return unsafe pop(count)
  }

  /// How many objects are loaded, if there is room for another one; nil where `give` goes the slow way. [owner]
  @inline(__always)
  var room: Int? {
    let count = loadedCount.load(ordering: .relaxed)
    return count < giveBound.load(ordering: .relaxed) ? count : nil
  }

  /// Takes an object back, where there is room above `count`. [owner]
  @inline(__always)
  func push(_ object: UnsafeMutableRawPointer, above count: Int) {
    // In bounds: 0 <= count < magazineSize.
    unsafe loadedMagazine[count] = object
    loadedCount.store(count &+ 1, ordering: .relaxed)
    givenCount.store(givenCount.load(ordering: .relaxed) &+ 1, ordering: .relaxed)
  }

  /// Takes an object back. [owner]
  @inline(__always)
  func give(_ object: UnsafeMutableRawPointer) {
    guard let count = room else { return unsafe giveSlowly(object) }
    unsafe push(object, above: count)
  }

  @inline(__always)
  private var loadedMagazine: Magazine { unsafe Self.magazine(loaded.load(ordering: .relaxed)) }

  /// A magazine, by its address, which is one's from init on.
  @inline(__always)
  private static func magazine(_ address: UInt) -> Magazine { unsafe Magazine(bitPattern: address).unsafelyUnwrapped }

  @inline(__always)
  private func pop(_ filled: Int) -> UnsafeMutableRawPointer {
    loadedCount.store(filled &- 1, ordering: .relaxed)
    takenCount.store(takenCount.load(ordering: .relaxed) &+ 1, ordering: .relaxed)
    // In bounds: 0 < filled <= magazineSize, and slots below it are filled.
    return unsafe loadedMagazine[filled &- 1]
  }

  /// Without checks, the loaded magazine is empty. Both are right at any count: a bound is seen a moment late.
  @inline(never)
  private func takeSlowly() -> UnsafeMutableRawPointer? {
    if unsafe zone.isChecked, let object = unsafe zone.reuse() { return unsafe counted(object) }
    guard loadedCount.load(ordering: .relaxed) > 0 || refill() else {
      // What waits for checks is the last that there is.
      guard unsafe zone.isChecked, let object = unsafe zone.reuse(isUrgent: true) else { return nil }
      return unsafe counted(object)
    }
    return unsafe pop(loadedCount.load(ordering: .relaxed))
  }

  private func counted(_ object: UnsafeMutableRawPointer) -> UnsafeMutableRawPointer {
    takenCount.store(takenCount.load(ordering: .relaxed) &+ 1, ordering: .relaxed)
    return unsafe object
  }

  /// Without checks, the loaded magazine is full.
  ///
  /// - Parameter holder: whose object it was, for who finds later that it was written to.
  @inline(never)
  func giveSlowly(_ object: UnsafeMutableRawPointer, from holder: UInt32 = netisr_host_mark()) {
    if unsafe zone.isChecked, unsafe zone.keep(object, from: holder) {
      givenCount.store(givenCount.load(ordering: .relaxed) &+ 1, ordering: .relaxed)
      return
    }
    if loadedCount.load(ordering: .relaxed) == MbufZone.magazineSize { makeRoom() }
    unsafe push(object, above: loadedCount.load(ordering: .relaxed))
  }

  /// Whether freed objects are checked. [any thread]
  var isChecked: Bool { unsafe zone.isChecked }

  /// Goes the way that the zone says. [any thread]
  func follow() {
    unsafe takeBound.store(zone.takeBound, ordering: .relaxed)
    unsafe giveBound.store(zone.giveBound, ordering: .relaxed)
  }

  /// Gives every object back to the depot; the magazines stay. [owner]
  func flush() {
    unsafe zone.deposit(loadedMagazine, count: loadedCount.load(ordering: .relaxed))
    loadedCount.store(0, ordering: .relaxed)
    unsafe zone.deposit(Self.magazine(previous.load(ordering: .relaxed)), count: previousCount.load(ordering: .relaxed))
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
    guard let filled = unsafe zone.replenish(loadedMagazine) else { return false }
    unsafe loaded.store(UInt(bitPattern: filled.magazine), ordering: .relaxed)
    unsafe loadedCount.store(filled.count, ordering: .relaxed)
    return true
  }

  /// The loaded magazine is full: makes the loaded one empty.
  @inline(never)
  private func makeRoom() {
    if previousCount.load(ordering: .relaxed) > 0 {
      let empty = unsafe zone.accept(full: Self.magazine(previous.load(ordering: .relaxed)))
      previous.store(UInt(bitPattern: empty), ordering: .relaxed)
      previousCount.store(0, ordering: .relaxed)
    }
    exchange()
  }

  private func exchange() {
    let magazine = loaded.load(ordering: .relaxed)
    let count = loadedCount.load(ordering: .relaxed)
    loaded.store(previous.load(ordering: .relaxed), ordering: .relaxed)
    loadedCount.store(previousCount.load(ordering: .relaxed), ordering: .relaxed)
    previous.store(magazine, ordering: .relaxed)
    previousCount.store(count, ordering: .relaxed)
  }
}
