import CNetISR
import CNetISRHost

/// Who holds the mbufs of an engine, at one moment.
///
/// A packet is held by whom it was given to last, as its handler's or as its maker, until it is freed, handed on, or
/// put into a table. Handing on is queueing it for a protocol, or giving it to an interface. What policies' callbacks
/// keep, and what a plugin's own threads make, is nobody's.
public struct MbufCensus: Sendable {
  /// What each holder that was asked for has.
  public fileprivate(set) var held: [MbufHolder: MbufHolding] = [:]
  /// What is in tables, by the owner's name.
  public fileprivate(set) var inTables: [String: MbufHolding] = [:]
  /// What waits in queues, or was just taken from one.
  public fileprivate(set) var queued = MbufHolding()
}

extension Engine {
  /// Counts who holds how many mbufs, by a look at each that there is: nothing is counted while packets move. Exact when none
  /// does; else it may be off by those that do. [any thread] that holds no lock of this engine's
  public func takeCensus(of holders: [MbufHolder]) -> MbufCensus {
    var roots: [netisr_host_root] = []
    unsafe forEachQueue { queue in
      unsafe queue.pointee.forEachPacket { roots.append(netisr_host_root(first: $0, group: 0)) }
    }
    var owners: [String] = []
    tables.forEachCurrent { store, _ in
      guard store.shape.holdsMbufs else { return }
      let group = owners.firstIndex(of: store.owner.name) ?? owners.count
      if group == owners.count { owners.append(store.owner.name) }
      store.forEachHeld { roots.append(netisr_host_root(first: $0, group: UInt32(group + 1))) }
    }
    // After them: what is in a queue now was cut before.
    let slabs = mbufs.mbufs.cut
    var tallies = Set(holders.map(\.mark)).sorted().map { netisr_host_tally(mark: $0, mbufs: 0, clusters: 0) }
    var groups = [netisr_host_tally](repeating: netisr_host_tally(), count: owners.count + 1)
    // Without memory nothing is counted, which is what is shown.
    _ = unsafe netisr_host_census(
      slabs, slabs.count, roots, roots.count, &tallies, tallies.count, &groups, groups.count)
    var census = MbufCensus()
    for tally in tallies { census.held[MbufHolder(mark: tally.mark)] = MbufHolding(tally) }
    for (owner, tally) in zip(owners, groups.dropFirst()) { census.inTables[owner] = MbufHolding(tally) }
    census.queued = MbufHolding(groups[0])
    return census
  }
}

extension MbufHolding {
  fileprivate init(_ tally: netisr_host_tally) {
    mbufs = Int(tally.mbufs)
    clusters = Int(tally.clusters)
  }
}
