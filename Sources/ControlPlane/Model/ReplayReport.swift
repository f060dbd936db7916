/// What `netisr replay --json` prints: the captures, the pace, and the host's statistics after the last packet.
public struct ReplayReport: Encodable, Sendable {
  /// One capture that was read.
  public struct Capture: Encodable, Sendable {
    /// The file as the user named it.
    public var file: String
    /// libpcap's name of the link type.
    public var linktype: String
    /// Frames read, over all passes.
    public var packets: UInt64
    /// Bytes captured of them.
    public var bytes: UInt64
    /// Packets handed to a protocol.
    public var entered: UInt64
    /// Frames that no protocol takes, by what they carry.
    public var unsupported: [String: UInt64]
    /// Why it was not read to its end.
    public var error: String?
  }

  /// The captures that could be opened.
  public var captures: [Capture]
  /// From the first packet until all were handled, in nanoseconds.
  public var elapsed: UInt64
  /// The host, when all packets were handled and all plugins still served.
  public var statistics: HostStatistics
  /// Mbufs that somebody still held when all plugins and tables were gone.
  public var leaked: Int
  /// Of these, those of which it is known who held them.
  public var leaks: [LeakSummary]

  /// Frames read in a second, on average.
  public var packetsPerSecond: Double {
    elapsed == 0 ? 0 : Double(packets) * 1e9 / Double(elapsed)
  }

  /// What a frame took, in nanoseconds, on average: from its reading until all was handled. 0 without frames.
  public var nanosecondsPerPacket: Double {
    packets == 0 ? 0 : Double(elapsed) / Double(packets)
  }

  /// Frames read, of all captures.
  public var packets: UInt64 { captures.reduce(0) { $0 + $1.packets } }

  enum CodingKeys: String, CodingKey {
    case captures
    case elapsed = "elapsed_ns"
    case packetsPerSecond = "packets_per_second"
    case nanosecondsPerPacket = "ns_per_packet"
    case leaked = "leaked_mbufs"
    case leaks
  }

  /// All keys in one object: these, and those of the statistics.
  public func encode(to encoder: any Encoder) throws {
    try statistics.encode(to: encoder)
    var container = encoder.container(keyedBy: CodingKeys.self)
    try container.encode(captures, forKey: .captures)
    try container.encode(elapsed, forKey: .elapsed)
    try container.encode(packetsPerSecond, forKey: .packetsPerSecond)
    try container.encode(nanosecondsPerPacket, forKey: .nanosecondsPerPacket)
    try container.encode(leaked, forKey: .leaked)
    try container.encode(leaks, forKey: .leaks)
  }
}
