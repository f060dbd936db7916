import CNetISR
import CNetISRHost

/// Which lock of a table the calling thread holds, and what it is changing: so that a fault in a callback, or at a
/// wild key or value pointer, does not leave the table locked for ever.
///
/// Every operation on a table holds at most one. A callback that calls into tables is told EDEADLK.
@safe
struct TableHold {
  @safe
  enum Lock {
    case none
    case shard(UnsafeMutablePointer<HashTable>, Int)
    case stripe(UnsafeMutablePointer<PrefixTable>, Int)
    case all(UnsafeMutablePointer<PrefixTable>)
  }

  var lock: Lock = .none
  /// The hash entry that a callback is changing; 0 for none.
  var entry: UInt32 = 0
  /// Whether that entry is not linked yet.
  var isNew = false
  /// What it counted in the table's held bytes before.
  var heldBefore: UInt32 = 0

  var isNone: Bool { if case .none = lock { true } else { false } }
}

extension UnsafeMutablePointer where Pointee == ThreadContext {
  /// Notes a lock that was just taken.
  @inline(__always)
  func holdTable(_ lock: TableHold.Lock) {
    unsafe pointee.tableHold.lock = lock
    // The note must be in memory before anything that can fault: pairs with the fault handler, on this thread.
    netisr_host_compiler_barrier()
  }

  /// Before giving the lock back.
  @inline(__always)
  func releaseTable() {
    netisr_host_compiler_barrier()
    unsafe pointee.tableHold.lock = .none
  }

  /// After a fault on this thread was recovered from: gives back the table lock that it held, if any.
  ///
  /// An entry that a callback was changing is removed, since nobody knows what is in it; packets in it are not freed
  /// (the chain may be torn) and stay counted as in flight. An entry of a table of prefixes stays, with whatever value.
  func abandonTable() {
    let hold = unsafe pointee.tableHold
    unsafe pointee.tableHold = TableHold()
    switch hold.lock {
    case .none: break
    case .shard(let table, let shard): unsafe table.abandon(shard, hold)
    case .stripe(let table, let stripe): unsafe table.pointee.lock.unlockShared(stripe)
    case .all(let table):
      unsafe table.pointee.publishCount()
      unsafe table.pointee.lock.unlockAll()
    }
  }
}
