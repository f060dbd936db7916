/// The mbufs and clusters of one engine: a zone of each, under one bound on memory.
///
/// Slabs are never given back before the pool ends, so an mbuf's memory stays readable however late it is looked at.
/// A thread's cache can hold up to two magazines of each kind that others can't have: with many threads, set the
/// limit accordingly (128 mbufs and 128 clusters, 288 KiB, a thread).
final class MbufPool: Sendable {
  let budget: MbufBudget
  let mbufs: MbufZone
  let clusters: MbufZone

  /// Makes an empty pool that never takes more than `limit` bytes.
  init(limit: Int) {
    budget = MbufBudget(limit: limit)
    mbufs = MbufZone(kind: .mbuf, budget: budget)
    clusters = MbufZone(kind: .cluster, budget: budget)
  }

  /// The state of both zones; exact when no thread is inside an mbuf function.
  func statistics(threads: ThreadRegistry) -> MbufStatistics {
    MbufStatistics(
      mbufs: zone(mbufs, kind: .mbuf, threads: threads), clusters: zone(clusters, kind: .cluster, threads: threads),
      limit: budget.limit)
  }

  private func zone(_ zone: MbufZone, kind: MbufBudget.Kind, threads: ThreadRegistry) -> MbufStatistics.Zone {
    let counts = zone.counts
    var free = counts.free
    var inFlight = 0
    unsafe threads.forEach { record in
      if kind == .mbuf {
        unsafe free += record.pointee.mbufs.mbufs.free
        unsafe inFlight += record.pointee.mbufs.mbufs.inFlight
      } else {
        unsafe free += record.pointee.mbufs.clusters.free
        unsafe inFlight += record.pointee.mbufs.clusters.inFlight
      }
    }
    return MbufStatistics.Zone(
      allocated: counts.created, free: free, inFlight: inFlight, denied: counts.denied,
      bytes: budget.bytes(of: kind))
  }
}
