import CNetISR
import Synchronization

/// What table.h calls on an entry: `table_update_t`.
public typealias TableCallback =
  @convention(c) (UnsafeMutableRawPointer?, UnsafeRawPointer?, UnsafeMutableRawPointer?, Int32) -> Int32

/// The content of a hash table in one vnet: sixteen shards by the upper bits of the key's hash, each with its lock.
///
/// | what | exclusion |
/// |---|---|
/// | the entries of a shard | the shard's lock; callbacks run with it held |
/// | count | atomic; raised before an entry is made, so that the bound holds strictly |
/// | a shard's oldest sequence, its held bytes | written under its lock, read by anyone |
///
/// A look-up takes the lock too. Rejected: a sequence lock, whose readers would have to copy values word by atomic word.
@safe
struct HashTable: ~Copyable {
  static let shardCount = 16

  /// What surrounds a shard, on cache lines of its own.
  private struct Guard: ~Copyable {
    let lock = SpinLock()
    /// The sequence of the shard's oldest entry; `.max` when it has none.
    let oldest = Atomic<UInt64>(.max)
    let heldBytes = Atomic<UInt64>(0)
    let padding: InlineArray<13, UInt64> = .init(repeating: 0)
  }

  let shape: TableShape
  private let hash: SipHash
  // `shardCount` of each from init to deinit.
  private let guards: UnsafeMutablePointer<Guard>
  private let shards: UnsafeMutablePointer<HashShard>
  private let entries = Atomic<Int>(0)
  private let creations = Atomic<UInt64>(0)

  init(shape: TableShape, hash: SipHash) {
    self.shape = shape
    self.hash = hash
    unsafe guards = .allocate(capacity: Self.shardCount)
    unsafe shards = .allocate(capacity: Self.shardCount)
    for index in 0..<Self.shardCount {
      unsafe (guards + index).initialize(to: Guard())
      unsafe (shards + index).initialize(to: HashShard(layout: EntryLayout(shape)))
    }
  }

  deinit {
    unsafe guards.deinitialize(count: Self.shardCount)
    unsafe shards.deinitialize(count: Self.shardCount)
    unsafe guards.deallocate()
    unsafe shards.deallocate()
  }

  /// Entries, with those that are just being made.
  var count: Int { entries.load(ordering: .relaxed) }

  /// The sum of `th_bytes`.
  var heldBytes: UInt64 {
    var sum: UInt64 = 0
    for index in 0..<Self.shardCount { unsafe sum &+= guards[index].heldBytes.load(ordering: .relaxed) }
    return sum
  }

  @inline(__always)
  func hash(of key: UnsafeRawPointer) -> UInt64 { unsafe hash.hash(key, count: shape.keySize) }

  /// The shard for a hash.
  @inline(__always)
  static func index(_ hash: UInt64) -> Int { Int(truncatingIfNeeded: hash >> 60) }

  /// A shard, to be used under its lock, through a constant: changing it in place counts for the thread sanitizer as
  /// changing the variable that has the pointer.
  @inline(__always)
  func shard(_ index: Int) -> UnsafeMutablePointer<HashShard> { unsafe shards + index }

  @inline(__always)
  func lock(_ index: Int) { unsafe guards[index].lock.lock() }

  @inline(__always)
  func unlock(_ index: Int) { unsafe guards[index].lock.unlock() }

  /// The shard whose oldest entry is older than any other's, and that entry's sequence; nil when all are empty.
  var oldestShard: (index: Int, sequence: UInt64)? {
    var best: (index: Int, sequence: UInt64)?
    for index in 0..<Self.shardCount {
      let sequence = unsafe guards[index].oldest.load(ordering: .relaxed)
      if sequence != .max && sequence < best?.sequence ?? .max { best = (index, sequence) }
    }
    return best
  }

  /// Makes one more entry part of the count, if the bound allows it.
  func reserve(max: Int) -> Bool {
    var now = entries.load(ordering: .relaxed)
    while now < max {
      let (exchanged, original) = entries.compareExchange(expected: now, desired: now + 1, ordering: .relaxed)
      if exchanged { return true }
      now = original
    }
    return false
  }

  /// Undoes `reserve`.
  func unreserve() { entries.wrappingSubtract(1, ordering: .relaxed) }

  /// Links an entry that was made and reserved. Under the shard's lock.
  func link(_ number: UInt32, in index: Int) {
    let sequence = creations.wrappingAdd(1, ordering: .relaxed).newValue
    let shard = unsafe self.shard(index)
    unsafe shard.pointee.link(number, sequence: sequence)
    publishOldest(index)
  }

  /// Unlinks and frees an entry; what it holds is the caller's to free and to account. Under the shard's lock.
  func remove(_ number: UInt32, from index: Int) {
    let shard = unsafe self.shard(index)
    unsafe shard.pointee.unlink(number)
    unsafe shard.pointee.free(number)
    publishOldest(index)
    unreserve()
  }

  /// Changes the held bytes. Under the shard's lock, which makes load and store one.
  @inline(__always)
  func account(_ index: Int, from before: UInt32, to after: UInt32) {
    if before == after { return }
    let sum = unsafe guards[index].heldBytes.load(ordering: .relaxed)
    unsafe guards[index].heldBytes.store(sum &- UInt64(before) &+ UInt64(after), ordering: .relaxed)
  }

  private func publishOldest(_ index: Int) {
    let shard = unsafe self.shard(index)
    let number = unsafe shard.pointee.oldest
    let sequence = unsafe number == SlotArena.none ? .max : shard.pointee.entry(number).pointee.sequence
    unsafe guards[index].oldest.store(sequence, ordering: .relaxed)
  }
}
