import CNetISR
import Glibc

/// The operations of table.h on a hash table. The table outlives the call; keys and values are of its shape's sizes;
/// the context is the calling thread's.
extension UnsafeMutablePointer where Pointee == HashTable {
  @inline(__always)
  private func lock(_ index: Int, _ context: UnsafeMutablePointer<ThreadContext>) {
    unsafe pointee.lock(index)
    unsafe context.holdTable(.shard(self, index))
  }

  @inline(__always)
  private func unlock(_ index: Int, _ context: UnsafeMutablePointer<ThreadContext>) {
    unsafe context.releaseTable()
    unsafe pointee.unlock(index)
  }

  func lookup(_ key: UnsafeRawPointer, _ value: UnsafeMutableRawPointer, _ context: UnsafeMutablePointer<ThreadContext>)
    -> Int32
  {
    let hash = unsafe pointee.hash(of: key)
    let index = HashTable.index(hash)
    unsafe lock(index, context)
    defer { unsafe unlock(index, context) }
    let shard = unsafe pointee.shard(index)
    let number = unsafe shard.pointee.find(key, hash: hash)
    guard number != SlotArena.none else { return ENOENT }
    unsafe pointee.shape.copyValue(shard.pointee.value(number), to: value)
    return 0
  }

  func insert(
    _ key: UnsafeRawPointer, _ value: UnsafeRawPointer, max: Int, _ context: UnsafeMutablePointer<ThreadContext>
  ) -> Int32 {
    let hash = unsafe pointee.hash(of: key)
    let index = HashTable.index(hash)
    unsafe lock(index, context)
    defer { unsafe unlock(index, context) }
    let shard = unsafe pointee.shard(index)
    var number = unsafe shard.pointee.find(key, hash: hash)
    if number != SlotArena.none {
      unsafe memcpy(shard.pointee.value(number), value, pointee.shape.valueSize)
      return 0
    }
    guard unsafe pointee.reserve(max: max) else { return ENOSPC }
    guard let made = unsafe shard.pointee.make(key, hash: hash) else {
      unsafe pointee.unreserve()
      return ENOSPC
    }
    number = made
    unsafe setNew(number, context)
    unsafe memcpy(shard.pointee.value(number), value, pointee.shape.valueSize)
    unsafe context.pointee.tableHold.entry = SlotArena.none
    unsafe pointee.link(number, in: index)
    return 0
  }

  func remove(
    _ key: UnsafeRawPointer, _ value: UnsafeMutableRawPointer?, _ context: UnsafeMutablePointer<ThreadContext>
  ) -> Int32 {
    let hash = unsafe pointee.hash(of: key)
    let index = HashTable.index(hash)
    unsafe lock(index, context)
    defer { unsafe unlock(index, context) }
    let shard = unsafe pointee.shard(index)
    let number = unsafe shard.pointee.find(key, hash: hash)
    guard number != SlotArena.none else { return ENOENT }
    if let value = unsafe value { unsafe memcpy(value, shard.pointee.value(number), pointee.shape.valueSize) }
    unsafe pointee.remove(number, from: index)
    return 0
  }

  func update(
    _ key: UnsafeRawPointer, max: Int, _ body: TableCallback, _ argument: UnsafeMutableRawPointer?,
    _ context: UnsafeMutablePointer<ThreadContext>
  ) -> Int32 {
    let hash = unsafe pointee.hash(of: key)
    let index = HashTable.index(hash)
    unsafe lock(index, context)
    let shard = unsafe pointee.shard(index)
    let number = unsafe shard.pointee.find(key, hash: hash)
    if number != SlotArena.none {
      let chain = unsafe run(on: number, in: index, evict: false, body, argument, context).chain
      unsafe unlock(index, context)
      unsafe context.pointee.mbufs.freeHeld(chain)
      return 0
    }
    guard unsafe pointee.reserve(max: max) else {
      unsafe unlock(index, context)
      return ENOSPC
    }
    guard let made = unsafe shard.pointee.make(key, hash: hash) else {
      unsafe pointee.unreserve()
      unsafe unlock(index, context)
      return ENOSPC
    }
    unsafe setNew(made, context)
    let result = unsafe body(argument, shard.pointee.key(made), shard.pointee.value(made), 0)
    unsafe context.pointee.tableHold.entry = SlotArena.none
    var chain: UnsafeMutablePointer<mbuf>?
    if result == TABLE_REMOVE {
      unsafe chain = chainLeft(in: made, of: shard)
      unsafe shard.pointee.free(made)
      unsafe pointee.unreserve()
    } else {
      if unsafe pointee.shape.holdsMbufs {
        unsafe pointee.account(index, from: 0, to: held(in: shard.pointee.value(made)).pointee.th_bytes)
      }
      unsafe pointee.link(made, in: index)
    }
    unsafe unlock(index, context)
    unsafe context.pointee.mbufs.freeHeld(chain)
    return 0
  }

  /// Runs `body` on every entry; how many it removed. Each shard stays locked while its entries are visited.
  func sweep(
    isReader: Bool, _ body: TableCallback, _ argument: UnsafeMutableRawPointer?,
    _ context: UnsafeMutablePointer<ThreadContext>
  ) -> UInt32 {
    var removed: UInt32 = 0
    for index in 0..<HashTable.shardCount {
      unsafe lock(index, context)
      let shard = unsafe pointee.shard(index)
      var number = unsafe shard.pointee.oldest
      while number != SlotArena.none {
        let next = unsafe shard.pointee.entry(number).pointee.newer
        if isReader {
          unsafe show(number, of: shard, body, argument)
        } else {
          let outcome = unsafe run(on: number, in: index, evict: false, body, argument, context)
          if unsafe outcome.removed { removed &+= 1 }
          unsafe context.pointee.mbufs.freeHeld(outcome.chain)
        }
        number = next
      }
      unsafe unlock(index, context)
    }
    return removed
  }

  /// Runs `body` on the oldest entry, and removes it.
  func evict(
    _ body: TableCallback?, _ argument: UnsafeMutableRawPointer?, _ context: UnsafeMutablePointer<ThreadContext>
  ) -> Int32 {
    while let (index, sequence) = unsafe pointee.oldestShard {
      unsafe lock(index, context)
      let shard = unsafe pointee.shard(index)
      let number = unsafe shard.pointee.oldest
      // Somebody else may have removed it before the lock was ours; then another shard may have the oldest.
      if unsafe number != SlotArena.none && shard.pointee.entry(number).pointee.sequence == sequence {
        let outcome = unsafe run(on: number, in: index, evict: true, body, argument, context)
        unsafe unlock(index, context)
        unsafe context.pointee.mbufs.freeHeld(outcome.chain)
        return 0
      }
      unsafe unlock(index, context)
    }
    return ENOENT
  }

  /// Removes all entries, and frees what they hold.
  func removeAll(_ context: UnsafeMutablePointer<ThreadContext>) {
    while unsafe evict(nil, nil, context) == 0 {}
  }

  /// Copies of all entries, shard by shard.
  func copies(_ context: UnsafeMutablePointer<ThreadContext>, limit: Int) -> [TableEntry] {
    var entries: [TableEntry] = []
    let shape = unsafe pointee.shape
    for index in 0..<HashTable.shardCount {
      unsafe lock(index, context)
      let shard = unsafe pointee.shard(index)
      var number = unsafe shard.pointee.oldest
      while number != SlotArena.none && entries.count < limit {
        var value = [UInt8](repeating: 0, count: shape.valueSize)
        unsafe value.withUnsafeMutableBytes { unsafe shape.copyValue(shard.pointee.value(number), to: $0.baseAddress!) }
        let key = unsafe [UInt8](UnsafeRawBufferPointer(start: shard.pointee.key(number), count: shape.keySize))
        entries.append(TableEntry(key: key, value: value))
        number = unsafe shard.pointee.entry(number).pointee.newer
      }
      unsafe unlock(index, context)
    }
    return entries
  }

  /// After a fault: see `TableHold`.
  func abandon(_ index: Int, _ hold: TableHold) {
    if hold.entry != SlotArena.none {
      if hold.isNew {
        unsafe pointee.shard(index).pointee.free(hold.entry)
        unsafe pointee.unreserve()
      } else {
        unsafe pointee.account(index, from: hold.heldBefore, to: 0)
        unsafe pointee.remove(hold.entry, from: index)
      }
    }
    unsafe pointee.unlock(index)
  }

  @inline(__always)
  private func setNew(_ number: UInt32, _ context: UnsafeMutablePointer<ThreadContext>) {
    unsafe context.pointee.tableHold.isNew = true
    unsafe context.pointee.tableHold.entry = number
    unsafe context.holdTable(context.pointee.tableHold.lock)
  }

  /// Runs `body` on a linked entry and does what it says; the chain of a removed entry is the caller's to free.
  private func run(
    on number: UInt32, in index: Int, evict: Bool, _ body: TableCallback?, _ argument: UnsafeMutableRawPointer?,
    _ context: UnsafeMutablePointer<ThreadContext>
  ) -> (removed: Bool, chain: UnsafeMutablePointer<mbuf>?) {
    let shard = unsafe pointee.shard(index)
    let value = unsafe shard.pointee.value(number)
    let holds = unsafe pointee.shape.holdsMbufs
    let before = unsafe holds ? held(in: value).pointee.th_bytes : 0
    unsafe context.pointee.tableHold.isNew = false
    unsafe context.pointee.tableHold.heldBefore = before
    unsafe context.pointee.tableHold.entry = number
    unsafe context.holdTable(context.pointee.tableHold.lock)
    let result = unsafe body?(argument, shard.pointee.key(number), value, 1) ?? TABLE_REMOVE
    unsafe context.pointee.tableHold.entry = SlotArena.none
    guard evict || result == TABLE_REMOVE else {
      if holds { unsafe pointee.account(index, from: before, to: held(in: value).pointee.th_bytes) }
      return (false, nil)
    }
    let chain = unsafe chainLeft(in: number, of: shard)
    unsafe pointee.account(index, from: before, to: 0)
    unsafe pointee.remove(number, from: index)
    return unsafe (true, chain)
  }

  private func chainLeft(in number: UInt32, of shard: UnsafeMutablePointer<HashShard>) -> UnsafeMutablePointer<mbuf>? {
    unsafe pointee.shape.holdsMbufs ? held(in: shard.pointee.value(number)).pointee.th_chain : nil
  }

  /// Runs `body` on a copy.
  private func show(
    _ number: UInt32, of shard: UnsafeMutablePointer<HashShard>, _ body: TableCallback,
    _ argument: UnsafeMutableRawPointer?
  ) {
    unsafe withUnsafeTemporaryAllocation(byteCount: pointee.shape.valueSize, alignment: 16) { copy in
      // A value has at least one byte.
      let value = unsafe copy.baseAddress.unsafelyUnwrapped
      unsafe pointee.shape.copyValue(shard.pointee.value(number), to: value)
      _ = unsafe body(argument, shard.pointee.key(number), value, 1)
    }
  }
}
