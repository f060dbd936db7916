import CNetISR

// What tables take of the host's memory, and the packets in them: for who asks, not for who uses them.

extension HashTable {
  /// Bytes of entries and buckets. Each shard is locked for a moment.
  var memory: Int {
    (0..<Self.shardCount).reduce(0) { sum, index in
      lock(index)
      defer { unlock(index) }
      return unsafe sum + shard(index).pointee.memory
    }
  }

  /// Visits the addresses of the packets that entries hold: the first of each chain. Each shard stays locked while its
  /// entries are visited.
  func forEachHeld(_ body: (UInt) -> Void) {
    for index in 0..<Self.shardCount {
      lock(index)
      defer { unlock(index) }
      let shard = unsafe self.shard(index)
      unsafe shard.pointee.forEach { number in
        let chain = unsafe held(in: shard.pointee.value(number)).pointee.th_chain
        if let chain = unsafe chain { body(UInt(bitPattern: chain)) }
      }
    }
  }
}

extension PrefixTable {
  /// Bytes of nodes and values.
  var memory: Int {
    lock.lockShared(0)
    defer { lock.unlockShared(0) }
    return unsafe tree.pointee.memory
  }
}

extension Reference where T == TableStore {
  /// Bytes of all its contents.
  var memory: Int {
    (0..<UInt32(TableStore.vnetLimit)).reduce(0) { sum, vnet in
      switch content(vnet) {
      case .none: sum
      case .hash(let table): unsafe sum + table.pointee.memory
      case .prefix(let table): unsafe sum + table.pointee.memory
      }
    }
  }

  /// Visits the addresses of the packets in it.
  func forEachHeld(_ body: (UInt) -> Void) {
    for vnet in 0..<UInt32(TableStore.vnetLimit) {
      if case .hash(let table) = content(vnet) { unsafe table.pointee.forEachHeld(body) }
    }
  }
}
