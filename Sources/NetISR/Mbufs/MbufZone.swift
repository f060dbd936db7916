import CNetISR
import CNetISRHost
import Glibc
import Synchronization

/// All objects of one size: a depot of magazines, and the slabs from which new objects are cut.
///
/// | operation | exclusion |
/// |---|---|
/// | replenish, accept, deposit, makeMagazine, counts, slabs | the lock, held for a few instructions, or one mmap(2) |
/// | keep, reuse | that of `freed`, then the lock |
///
/// The depot holds full magazines, empty ones, and at most one that is partly filled, into which those of ending threads
/// are poured: so the number of magazines is bounded by objects and threads, also when threads come and go.
@safe
final class MbufZone: @unchecked Sendable {
  /// Objects in a magazine: large enough that the depot's lock (20 ns, or 130 when it is contended) is some 2 ns
  /// an object at worst, small enough that what lies idle with one thread is little (128 objects of each kind).
  static let magazineSize = 64

  /// Bytes of one slab.
  static let slabSize = 256 << 10

  /// Freed objects that are kept from use, while they are checked.
  let freed = FreedObjects()
  /// Relaxed: who is late is right all the same, see `MagazinePair.follow`.
  private let checks = Atomic(false)

  private let objectSize: Int
  private let budget: MbufBudget
  private let kind: MbufBudget.Kind
  private let lock = Lock()

  // Under the lock. Every magazine is in `magazines`; its slots are valid up to what its holder counts.
  private var magazines: [Magazine] = unsafe []
  private var full: [Magazine] = unsafe []
  private var empty: [Magazine] = unsafe []
  private var partial: Magazine
  private var partialCount = 0
  private var slabs: [Slab] = []
  private var created = 0
  private var denied = 0

  /// Memory from mmap(2), for clusters with their records, and how much of it has been handed out.
  @safe
  private struct Slab {
    let base: UnsafeMutableRawPointer
    let size: Int
    let records: UnsafeMutablePointer<Cluster>?
    var used = 0
  }

  init(kind: MbufBudget.Kind, budget: MbufBudget) {
    self.kind = kind
    self.budget = budget
    objectSize = kind.objectSize
    unsafe partial = .allocate(capacity: Self.magazineSize)
    unsafe magazines.append(partial)
  }

  deinit {
    while let magazine = unsafe magazines.popLast() { unsafe magazine.deallocate() }
    for slab in slabs {
      unsafe munmap(slab.base, slab.size)
      unsafe slab.records?.deallocate()
    }
  }

  /// An empty magazine, for a thread's record.
  func makeMagazine() -> Magazine {
    unsafe lock.withLock { unsafe takeEmpty() }
  }

  /// Takes an empty magazine, and returns one with objects; nil, and the magazine stays the caller's, when there is
  /// none and no memory for new ones: that is counted as a denial.
  func replenish(_ magazine: Magazine) -> (magazine: Magazine, count: Int)? {
    unsafe lock.withLock {
      if let filled = unsafe full.popLast() {
        unsafe empty.append(magazine)
        return unsafe (filled, Self.magazineSize)
      }
      if partialCount > 0 {
        let filled = unsafe (partial, partialCount)
        unsafe partial = magazine
        partialCount = 0
        return unsafe filled
      }
      let count = unsafe carve(into: magazine)
      guard count > 0 else {
        denied += 1
        return nil
      }
      return unsafe (magazine, count)
    }
  }

  // MARK: Checks

  /// Whether freed objects are checked: filled, kept from use for a while, and looked at before they are used again.
  var isChecked: Bool { checks.load(ordering: .relaxed) }

  /// What a thread's magazines have as bounds.
  var takeBound: Int { isChecked ? Self.magazineSize : 0 }
  var giveBound: Int { isChecked ? 0 : Self.magazineSize }

  /// Switches checks on or off; the threads' magazines are to follow. Objects that are kept are given back then, each
  /// with a last look.
  func check(_ on: Bool) {
    checks.store(on, ordering: .relaxed)
    if on { return freed.open() }
    for kept in freed.close() {
      look(at: kept)
      var one = unsafe kept.object
      unsafe withUnsafeMutablePointer(to: &one) { unsafe deposit($0, count: 1) }
    }
  }

  /// Keeps a freed object from use; false when it is not checked any more, and to be given back as usual.
  func keep(_ object: UnsafeMutableRawPointer, from holder: UInt32) -> Bool {
    unsafe freed.keep(FreedObjects.Kept(object: object, holder: holder, freedBy: netisr_host_mark())) {
      unsafe forEachPart(of: object) { unsafe netisr_host_poison($0, $1) }
    }
  }

  /// The object that was kept longest, if that was long enough, or it is urgent. Says whether it was written to.
  func reuse(isUrgent: Bool = false) -> UnsafeMutableRawPointer? {
    guard let kept = freed.next(isUrgent: isUrgent) else { return nil }
    look(at: kept)
    return unsafe kept.object
  }

  private func look(at kept: FreedObjects.Kept) {
    var broken: UInt?
    unsafe forEachPart(of: kept.object) { part, size in
      let end = unsafe netisr_host_poison_end(part, size)
      if broken == nil, end < size { broken = UInt(bitPattern: part) + UInt(end) }
    }
    guard let broken, let context = unsafe netisr_host_context() else { return }
    unsafe context.withEngine { $0.note(.lateWrite, at: broken, lastBy: kept.lastUser) }
  }

  /// The memory of an object that its user may write, but for what the pool keeps in it.
  private func forEachPart(of object: UnsafeMutableRawPointer, _ body: (UnsafeMutableRawPointer, Int) -> Void) {
    switch kind {
    case .mbuf:
      // Without m_type, by which it is told to be free, and the two fields behind.
      unsafe body(object, 32)
      unsafe body(object + 40, Int(MSIZE) - 40)
    case .cluster:
      unsafe body(object.assumingMemoryBound(to: Cluster.self).pointee.storage, Int(MCLBYTES))
    }
  }

  /// Whether an object was made here.
  func contains(_ object: UnsafeRawPointer) -> Bool {
    lock.withLock {
      slabs.contains { slab in
        let offset = unsafe UInt(bitPattern: object) &- UInt(bitPattern: slab.base)
        return offset < UInt(slab.used) && offset % UInt(objectSize) == 0
      }
    }
  }

  /// The objects made so far, by slab, sorted by address.
  var cut: [netisr_host_slab] {
    lock.withLock {
      slabs.map { unsafe netisr_host_slab(base: UInt(bitPattern: $0.base), count: $0.used / objectSize) }
        .sorted { $0.base < $1.base }
    }
  }

  /// Takes a full magazine, and returns an empty one.
  func accept(full magazine: Magazine) -> Magazine {
    unsafe lock.withLock {
      unsafe full.append(magazine)
      return unsafe takeEmpty()
    }
  }

  /// Takes the objects of a magazine, and leaves it empty with the caller.
  func deposit(_ magazine: Magazine, count: Int) {
    if count == 0 { return }
    lock.withLock {
      for index in 0..<count {
        if partialCount == Self.magazineSize {
          unsafe full.append(partial)
          unsafe partial = takeEmpty()
          partialCount = 0
        }
        unsafe partial[partialCount] = unsafe magazine[index]
        partialCount += 1
      }
    }
  }

  /// Objects ever made, those in the depot or kept for checks, and refused requests.
  var counts: (created: Int, free: Int, denied: Int) {
    let kept = freed.count
    return lock.withLock { unsafe (created, full.count * Self.magazineSize + partialCount + kept, denied) }
  }

  private func takeEmpty() -> Magazine {
    if let magazine = unsafe empty.popLast() { return unsafe magazine }
    let magazine = Magazine.allocate(capacity: Self.magazineSize)
    unsafe magazines.append(magazine)
    return unsafe magazine
  }

  /// Fills an empty magazine with new objects, as far as the budget goes, so that they are taken in address order.
  private func carve(into magazine: Magazine) -> Int {
    var count = 0
    while count < Self.magazineSize, let object = unsafe carveOne() {
      unsafe magazine[count] = object
      count += 1
    }
    var objects = unsafe UnsafeMutableBufferPointer(start: magazine, count: count)
    unsafe objects.reverse()
    created += count
    return count
  }

  private func carveOne() -> UnsafeMutableRawPointer? {
    if slabs.last.map({ $0.used == $0.size }) ?? true {
      guard addSlab() else { return nil }
    }
    let last = slabs.count - 1
    let offset = slabs[last].used
    slabs[last].used += objectSize
    // In bounds: the size of a slab is a multiple of the object's.
    let object = unsafe slabs[last].base + offset
    guard let records = unsafe slabs[last].records else { return unsafe object }
    let record = unsafe records + offset / objectSize
    unsafe record.initialize(to: Cluster(storage: object.assumingMemoryBound(to: CChar.self)))
    return UnsafeMutableRawPointer(record)
  }

  private func addSlab() -> Bool {
    let size = budget.reserve(upTo: Self.slabSize, kind: kind)
    guard size > 0 else { return false }
    let flags = MAP_PRIVATE | MAP_ANONYMOUS
    guard let base = unsafe mmap(nil, size, PROT_READ | PROT_WRITE, flags, -1, 0), unsafe base != MAP_FAILED else {
      budget.release(size, kind: kind)
      return false
    }
    let records = kind == .cluster ? UnsafeMutablePointer<Cluster>.allocate(capacity: size / objectSize) : nil
    unsafe slabs.append(Slab(base: base, size: size, records: records))
    return true
  }
}
