/// How many mbufs and clusters there are, and where.
///
/// `allocated == free + inFlight` holds for each zone when no thread is inside an mbuf function. The three are counted
/// independently: objects cut from slabs, objects lying in magazines, and objects taken less objects given back.
public struct MbufStatistics: Sendable, Equatable {
  /// One kind of object.
  public struct Zone: Sendable, Equatable {
    /// Objects ever made; they are never unmade.
    public var allocated: Int
    /// Objects in the depot and in the threads' caches.
    public var free: Int
    /// Objects that someone holds.
    public var inFlight: Int
    /// Requests refused because the limit was reached.
    public var denied: Int
    /// Memory taken from the system, in bytes.
    public var bytes: Int

    /// Whether every object is accounted for.
    public var isBalanced: Bool { allocated == free + inFlight }
  }

  /// Mbufs, of 256 bytes.
  public var mbufs: Zone
  /// Clusters, of 2048 bytes.
  public var clusters: Zone
  /// The most memory that both together may take, in bytes.
  public var limit: Int
  /// The memory that both together take, in bytes.
  public var bytes: Int { mbufs.bytes + clusters.bytes }
}

extension Engine {
  /// Mbufs and clusters, now. [any thread]
  public var mbufStatistics: MbufStatistics { mbufs.statistics(threads: threads) }

  /// The most memory that mbufs and clusters may take, in bytes (`net.mbufs.limit`). A lower value than what is
  /// in use takes nothing away, it stops growth. [control]
  public var mbufLimit: Int {
    get { mbufs.budget.limit }
    set { mbufs.budget.limit = newValue }
  }
}
