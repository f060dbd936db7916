import CNetISR

/// The bound on the memory of all mbufs and clusters of an engine.
///
/// Memory that was once cut into objects of one kind stays so. Lest a flood of small packets leave nothing for
/// clusters for ever, or the other way round, one eighth of the limit is kept for each kind (a cluster needs an mbuf
/// of an eighth of its size to hold it).
final class MbufBudget: @unchecked Sendable {
  enum Kind: Int {
    case mbuf, cluster

    var objectSize: Int { Int(self == .mbuf ? MSIZE : MCLBYTES) }
    var other: Kind { self == .mbuf ? .cluster : .mbuf }
  }

  private let lock = Lock()
  // Under the lock.
  private var bound: Int
  private var bytes = [0, 0]

  init(limit: Int) {
    bound = max(0, limit)
  }

  /// Bytes; see `Engine.mbufLimit`.
  var limit: Int {
    get { lock.withLock { bound } }
    set { lock.withLock { bound = max(0, newValue) } }
  }

  /// Bytes reserved by a kind.
  func bytes(of kind: Kind) -> Int { lock.withLock { bytes[kind.rawValue] } }

  /// Reserves memory for whole objects, at most `most` bytes: how many bytes it got, 0 when the bound is reached.
  func reserve(upTo most: Int, kind: Kind) -> Int {
    lock.withLock {
      let keptForOther = max(0, bound / 8 - bytes[kind.other.rawValue])
      let room = bound - bytes[0] - bytes[1] - keptForOther
      let size = max(0, min(room, most)) / kind.objectSize * kind.objectSize
      bytes[kind.rawValue] += size
      return size
    }
  }

  /// Gives back what could not be had from the system after all.
  func release(_ size: Int, kind: Kind) {
    lock.withLock { bytes[kind.rawValue] -= size }
  }
}
