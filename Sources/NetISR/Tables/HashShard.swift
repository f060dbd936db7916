import Glibc
import Synchronization

/// The fixed part of an entry; the key and the value follow, each aligned to 16.
struct HashEntry {
  /// The next entry of the bucket.
  var next: UInt32
  /// The neighbours by age.
  var older: UInt32
  var newer: UInt32
  var spare: UInt32 = 0
  var hash: UInt64
  /// The table's count of creations when this one was made.
  var sequence: UInt64
}

/// How an entry lies in memory.
struct EntryLayout {
  let keySize: Int
  let keyOffset = MemoryLayout<HashEntry>.stride
  let valueOffset: Int
  let stride: Int

  init(_ shape: TableShape) {
    keySize = shape.keySize
    valueOffset = keyOffset + (shape.keySize + 15) & ~15
    stride = valueOffset + (shape.valueSize + 15) & ~15
  }
}

/// One sixteenth of a hash table: buckets of chained entries, and a list of all entries by age. Everything under the
/// lock that `HashTable` has for it.
@safe
struct HashShard: ~Copyable {
  private let layout: EntryLayout
  private var arena: SlotArena
  // `mask + 1` numbers of entries, from init (or the last growth) to deinit.
  private var buckets: UnsafeMutablePointer<UInt32>
  private var mask: UInt64
  private(set) var count = 0
  private(set) var oldest = SlotArena.none
  private var newest = SlotArena.none

  init(layout: EntryLayout) {
    self.layout = layout
    arena = SlotArena(stride: layout.stride)
    mask = 7
    unsafe buckets = .allocate(capacity: 8)
    unsafe buckets.initialize(repeating: SlotArena.none, count: 8)
  }

  deinit { unsafe buckets.deallocate() }

  /// The fixed part of an entry that exists.
  @inline(__always)
  func entry(_ number: UInt32) -> UnsafeMutablePointer<HashEntry> {
    unsafe arena[number].assumingMemoryBound(to: HashEntry.self)
  }

  @inline(__always)
  func key(_ number: UInt32) -> UnsafeMutableRawPointer { unsafe arena[number] + layout.keyOffset }

  @inline(__always)
  func value(_ number: UInt32) -> UnsafeMutableRawPointer { unsafe arena[number] + layout.valueOffset }

  /// The entry of a key, or `SlotArena.none`.
  @inline(__always)
  func find(_ key: UnsafeRawPointer, hash: UInt64) -> UInt32 {
    var number = unsafe buckets[Int(hash & mask)]
    while number != SlotArena.none {
      let candidate = unsafe entry(number)
      if unsafe candidate.pointee.hash == hash && memcmp(self.key(number), key, layout.keySize) == 0 { break }
      number = unsafe candidate.pointee.next
    }
    return number
  }

  /// A new entry with that key and an all-zero value, not linked yet; nil without memory.
  mutating func make(_ key: UnsafeRawPointer, hash: UInt64) -> UInt32? {
    guard let number = arena.allocate() else { return nil }
    unsafe memset(arena[number], 0, layout.stride)
    unsafe entry(number).initialize(to: HashEntry(next: 0, older: 0, newer: 0, hash: hash, sequence: 0))
    unsafe memcpy(self.key(number), key, layout.keySize)
    return number
  }

  /// Makes an entry that can be found, and the newest.
  mutating func link(_ number: UInt32, sequence: UInt64) {
    if count > Int(mask) { grow() }
    let new = unsafe entry(number)
    unsafe new.pointee.sequence = sequence
    let bucket = unsafe buckets + Int(new.pointee.hash & mask)
    unsafe new.pointee.next = unsafe bucket.pointee
    unsafe bucket.pointee = number
    unsafe new.pointee.older = newest
    unsafe new.pointee.newer = SlotArena.none
    if newest == SlotArena.none {
      oldest = number
    } else {
      unsafe entry(newest).pointee.newer = number
    }
    newest = number
    count += 1
  }

  /// Undoes `link`.
  mutating func unlink(_ number: UInt32) {
    let old = unsafe entry(number)
    var link = unsafe buckets + Int(old.pointee.hash & mask)
    // The entry is in this chain: `link` put it there.
    while unsafe link.pointee != number { unsafe link = next(of: link.pointee) }
    unsafe link.pointee = unsafe old.pointee.next
    let (older, newer) = unsafe (old.pointee.older, old.pointee.newer)
    if older == SlotArena.none { oldest = newer } else { unsafe entry(older).pointee.newer = newer }
    if newer == SlotArena.none { newest = older } else { unsafe entry(newer).pointee.older = older }
    count -= 1
  }

  /// Bytes of its entries and buckets.
  var memory: Int { arena.memory + (Int(mask) + 1) * MemoryLayout<UInt32>.stride }

  /// Visits the entries, the oldest first.
  func forEach(_ body: (UInt32) -> Void) {
    var number = oldest
    while number != SlotArena.none {
      body(number)
      number = unsafe entry(number).pointee.newer
    }
  }

  /// Frees an entry that is not linked.
  mutating func free(_ number: UInt32) { arena.free(number) }

  private func next(of number: UInt32) -> UnsafeMutablePointer<UInt32> {
    // `next` is the first field.
    unsafe arena[number].assumingMemoryBound(to: UInt32.self)
  }

  /// Twice as many buckets, so that there are about as many as entries.
  private mutating func grow() {
    let capacity = (Int(mask) + 1) * 2
    unsafe buckets.deallocate()
    unsafe buckets = .allocate(capacity: capacity)
    unsafe buckets.initialize(repeating: SlotArena.none, count: capacity)
    mask = UInt64(capacity - 1)
    var number = oldest
    while number != SlotArena.none {
      let moved = unsafe entry(number)
      let bucket = unsafe buckets + Int(moved.pointee.hash & mask)
      unsafe moved.pointee.next = unsafe bucket.pointee
      unsafe bucket.pointee = number
      number = unsafe moved.pointee.newer
    }
  }
}
