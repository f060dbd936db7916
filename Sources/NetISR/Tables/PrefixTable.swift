import CNetISR
import Glibc
import Synchronization

/// The content of a longest-prefix-match table in one vnet: a tree, under a lock whose readers do not meet.
@safe
struct PrefixTable: ~Copyable {
  let shape: TableShape
  let lock = StripedLock()
  // One tree from init to deinit, read under one stripe of the lock and written under all.
  let tree: UnsafeMutablePointer<PrefixTree>
  private let entries = Atomic<Int>(0)

  init(shape: TableShape) {
    self.shape = shape
    unsafe tree = .allocate(capacity: 1)
    unsafe tree.initialize(to: PrefixTree(valueSize: shape.valueSize))
  }

  deinit {
    unsafe tree.deinitialize(count: 1)
    unsafe tree.deallocate()
  }

  var count: Int { entries.load(ordering: .relaxed) }

  /// After a change, with the lock held.
  func publishCount() { unsafe entries.store(tree.pointee.count, ordering: .relaxed) }
}

/// The operations of table.h on a longest-prefix-match table; see `HashOperations`.
extension UnsafeMutablePointer where Pointee == PrefixTable {
  @inline(__always)
  private func reading<T>(
    _ context: UnsafeMutablePointer<ThreadContext>, _ body: (UnsafeMutablePointer<PrefixTree>) -> T
  ) -> T {
    let stripe = unsafe StripedLock.stripe(of: context)
    unsafe pointee.lock.lockShared(stripe)
    unsafe context.holdTable(.stripe(self, stripe))
    defer {
      unsafe context.releaseTable()
      unsafe pointee.lock.unlockShared(stripe)
    }
    return unsafe body(pointee.tree)
  }

  private func writing<T>(
    _ context: UnsafeMutablePointer<ThreadContext>, _ body: (UnsafeMutablePointer<PrefixTree>) -> T
  ) -> T {
    unsafe pointee.lock.lockAll()
    unsafe context.holdTable(.all(self))
    defer {
      unsafe pointee.publishCount()
      unsafe context.releaseTable()
      unsafe pointee.lock.unlockAll()
    }
    return unsafe body(pointee.tree)
  }

  func lookup(_ key: UnsafeRawPointer, _ value: UnsafeMutableRawPointer, _ context: UnsafeMutablePointer<ThreadContext>)
    -> Int32
  {
    guard let prefix = unsafe Prefix(key: key, keySize: pointee.shape.keySize) else { return ENOENT }
    return unsafe reading(context) { tree in
      guard let found = unsafe tree.pointee.find(prefix) else { return ENOENT }
      unsafe memcpy(value, found, pointee.shape.valueSize)
      return 0
    }
  }

  func match(
    _ address: UnsafeRawPointer, _ value: UnsafeMutableRawPointer, _ length: UnsafeMutablePointer<UInt32>?,
    _ context: UnsafeMutablePointer<ThreadContext>
  ) -> Int32 {
    let address = unsafe Prefix(address: address, byteCount: pointee.shape.keySize - 4)
    return unsafe reading(context) { tree in
      guard let found = unsafe tree.pointee.match(address) else { return ENOENT }
      unsafe memcpy(value, found.value, pointee.shape.valueSize)
      if let length = unsafe length { unsafe length.pointee = UInt32(found.length) }
      return 0
    }
  }

  func insert(
    _ key: UnsafeRawPointer, _ value: UnsafeRawPointer, max: Int, _ context: UnsafeMutablePointer<ThreadContext>
  ) -> Int32 {
    guard let prefix = unsafe Prefix(key: key, keySize: pointee.shape.keySize) else { return EINVAL }
    return unsafe writing(context) { tree in
      if let found = unsafe tree.pointee.find(prefix) {
        unsafe memcpy(found, value, pointee.shape.valueSize)
        return 0
      }
      guard unsafe tree.pointee.count < max, let made = unsafe tree.pointee.make(prefix) else {
        return ENOSPC
      }
      unsafe memcpy(made, value, pointee.shape.valueSize)
      return 0
    }
  }

  func remove(
    _ key: UnsafeRawPointer, _ value: UnsafeMutableRawPointer?, _ context: UnsafeMutablePointer<ThreadContext>
  ) -> Int32 {
    guard let prefix = unsafe Prefix(key: key, keySize: pointee.shape.keySize) else { return ENOENT }
    return unsafe writing(context) { tree in
      guard let found = unsafe tree.pointee.find(prefix) else { return ENOENT }
      if let value = unsafe value { unsafe memcpy(value, found, pointee.shape.valueSize) }
      unsafe tree.pointee.remove(prefix)
      return 0
    }
  }

  /// Runs `body` on an entry that is there.
  func update(
    _ key: UnsafeRawPointer, _ body: TableCallback, _ argument: UnsafeMutableRawPointer?,
    _ context: UnsafeMutablePointer<ThreadContext>
  ) -> Int32 {
    guard let prefix = unsafe Prefix(key: key, keySize: pointee.shape.keySize) else { return EINVAL }
    return unsafe writing(context) { tree in
      guard let found = unsafe tree.pointee.find(prefix) else { return ENOENT }
      if unsafe call(body, argument, prefix, found) == TABLE_REMOVE { unsafe tree.pointee.remove(prefix) }
      return 0
    }
  }

  /// Runs `body` on every entry, or on a copy of it; how many it removed. The table stays locked meanwhile.
  func sweep(
    isReader: Bool, _ body: TableCallback, _ argument: UnsafeMutableRawPointer?,
    _ context: UnsafeMutablePointer<ThreadContext>
  ) -> UInt32 {
    if isReader {
      for entry in unsafe copies(context, limit: .max) {
        var (key, value) = (entry.key, entry.value)
        unsafe key.withUnsafeMutableBytes { key in
          unsafe value.withUnsafeMutableBytes { value in
            _ = unsafe body(argument, key.baseAddress, value.baseAddress, 1)
          }
        }
      }
      return 0
    }
    return unsafe writing(context) { tree in
      var removed: UInt32 = 0
      for prefix in unsafe tree.pointee.prefixes() {
        guard let value = unsafe tree.pointee.find(prefix) else { continue }
        if unsafe call(body, argument, prefix, value) == TABLE_REMOVE {
          unsafe tree.pointee.remove(prefix)
          removed &+= 1
        }
      }
      return removed
    }
  }

  /// Removes all entries.
  func removeAll(_ context: UnsafeMutablePointer<ThreadContext>) {
    unsafe writing(context) { tree in
      for prefix in unsafe tree.pointee.prefixes() { unsafe tree.pointee.remove(prefix) }
    }
  }

  /// Copies of all entries, at one moment.
  func copies(_ context: UnsafeMutablePointer<ThreadContext>, limit: Int) -> [TableEntry] {
    let shape = unsafe pointee.shape
    return unsafe reading(context) { tree in
      unsafe tree.pointee.prefixes().prefix(limit).compactMap { prefix in
        guard let found = unsafe tree.pointee.find(prefix) else { return nil }
        var key = [UInt8](repeating: 0, count: shape.keySize)
        unsafe key.withUnsafeMutableBytes { unsafe prefix.store(toKey: $0.baseAddress!, keySize: shape.keySize) }
        let value = unsafe [UInt8](UnsafeRawBufferPointer(start: found, count: shape.valueSize))
        return TableEntry(key: key, value: value)
      }
    }
  }

  private func call(
    _ body: TableCallback, _ argument: UnsafeMutableRawPointer?, _ prefix: Prefix, _ value: UnsafeMutableRawPointer
  ) -> Int32 {
    var key: InlineArray<5, UInt32> = .init(repeating: 0)
    return unsafe withUnsafeMutableBytes(of: &key) { bytes in
      unsafe prefix.store(toKey: bytes.baseAddress!, keySize: pointee.shape.keySize)
      return unsafe body(argument, bytes.baseAddress, value, 1)
    }
  }
}
