import Synchronization

/// What the host keeps about one cluster: where its 2048 bytes are, and how many mbufs share them. `m_ext.ext_refs` of
/// such an mbuf points to it.
///
/// The records lie apart from the data, four to a cache line. As long as nobody shares a cluster its record is only
/// read, so that neighbours do not disturb each other.
@safe
struct Cluster: ~Copyable {
  /// `MCLBYTES` bytes, as long as the pool lives.
  let storage: UnsafeMutablePointer<CChar>

  /// The number of mbufs that hold this cluster; 1 also while it is free.
  private let references = Atomic<UInt32>(1)

  init(storage: UnsafeMutablePointer<CChar>) {
    unsafe self.storage = storage
  }

  /// Whether the caller, who holds the cluster, is alone with it: then nobody else can come to it either.
  @inline(__always)
  var isUnshared: Bool {
    // Acquire: pairs with the release in `drop`; what the other holders read, they read before we write.
    references.load(ordering: .acquiring) == 1
  }

  /// One more mbuf holds it. By a holder.
  func share() {
    if references.load(ordering: .relaxed) == 1 {
      // Alone: no other thread can change the count meanwhile.
      references.store(2, ordering: .relaxed)
    } else {
      references.wrappingAdd(1, ordering: .relaxed)
    }
  }

  /// One mbuf less holds it. True when it was the last: the cluster is then the caller's, to be freed.
  @inline(__always)
  func drop() -> Bool {
    if isUnshared { return true }
    return dropShared()
  }

  @inline(never)
  private func dropShared() -> Bool {
    // Release: pairs with the acquire in `isUnshared` and with the acquire of the last one to come by here.
    guard references.wrappingSubtract(1, ordering: .acquiringAndReleasing).newValue == 0 else { return false }
    references.store(1, ordering: .relaxed)
    return true
  }
}
