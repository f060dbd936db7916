import NetISR

/// Packet memory: allocated = free + in flight, for each kind of object.
public struct MbufSummary: Codable, Sendable {
  /// One kind of object.
  public struct Zone: Codable, Sendable {
    /// Objects ever made.
    public var allocated: Int
    /// Objects that lie ready.
    public var free: Int
    /// Objects that someone holds.
    public var inFlight: Int
    /// Requests refused because the limit was reached.
    public var denied: Int
    /// Memory taken from the system, in bytes.
    public var bytes: Int

    enum CodingKeys: String, CodingKey {
      case allocated, free, denied, bytes
      case inFlight = "in_flight"
    }

    init(_ zone: MbufStatistics.Zone) {
      allocated = zone.allocated
      free = zone.free
      inFlight = zone.inFlight
      denied = zone.denied
      bytes = zone.bytes
    }
  }

  /// Mbufs, of 256 bytes.
  public var mbufs: Zone
  /// Clusters, of 2048 bytes.
  public var clusters: Zone
  /// The most memory that both together may take, in bytes.
  public var limit: Int

  init(_ statistics: MbufStatistics) {
    mbufs = Zone(statistics.mbufs)
    clusters = Zone(statistics.clusters)
    limit = statistics.limit
  }
}
