/// A snapshot of a host: what `netisr stat --json` prints, and `netisr replay --json` among other things.
///
/// A copy of flat values. Its keys are the contract with whoever reads the JSON: they are added to, never changed.
public struct HostStatistics: Codable, Sendable {
  /// What the engine runs with.
  public var configuration: EngineSummary
  /// Every generation that is mapped, and every refused file.
  public var plugins: [PluginSummary]
  /// The registered protocols, by number.
  public var protocols: [ProtocolSummary]
  /// Every workstream's figures for each protocol.
  public var workstreams: [WorkstreamSummary]
  /// What each plugin's code took; left out while accounting is off.
  public var pluginTime: [PluginTimeSummary]?
  /// The plugins' counters: group, name, value. Those at 0 are there as well.
  public var counters: [String: [String: UInt64]]
  /// Packets in, and what became of them.
  public var conservation: ConservationSummary
  /// Packet memory.
  public var mbufs: MbufSummary
  /// The interfaces, in the order in which they were made.
  public var interfaces: [InterfaceSummary]

  enum CodingKeys: String, CodingKey {
    case configuration, plugins, protocols, workstreams, counters, conservation, mbufs, interfaces
    case pluginTime = "plugin_time"
  }
}

/// What an engine runs with: the first table of `netstat -Q`.
public struct EngineSummary: Codable, Sendable {
  /// Workstreams.
  public var threads: Int
  /// The most there can be.
  public var maxthreads: Int
  /// Whether each worker is bound to its CPU.
  public var bindthreads: Bool
  /// Whether workers never sleep.
  public var polling: Bool
  /// The global dispatch policy.
  public var dispatch: String
  /// The queue limit of protocols that ask for none, and the highest, in packets.
  public var defaultqlimit: Int
  /// The highest queue limit, in packets.
  public var maxqlimit: Int
  /// Whether handlers are timed.
  public var accounting: Bool
}

/// A registered protocol: a line of the second table of `netstat -Q`.
public struct ProtocolSummary: Codable, Sendable {
  /// Its name.
  public var name: String
  /// Its number.
  public var proto: UInt32
  /// The limit of each of its queues, in packets.
  public var qlimit: Int
  /// `source`, `flow` or `cpu`.
  public var policy: String
  /// `default`, `deferred`, `hybrid` or `direct`.
  public var dispatch: String
  /// `C` nh_m2cpuid, `D` nh_drainedcpu, `F` nh_m2flow, or `-`.
  public var flags: String
}

/// A workstream: lines of the third table of `netstat -Q`.
public struct WorkstreamSummary: Codable, Sendable {
  /// Its number.
  public var wsid: Int
  /// Its CPU.
  public var cpu: Int
  /// The figures of each protocol.
  public var work: [Work]

  /// One protocol's figures in one workstream.
  public struct Work: Codable, Sendable {
    /// The protocol's name.
    public var name: String
    /// Packets in the queue.
    public var len: Int
    /// The most there ever were.
    public var watermark: Int
    /// Packets handled directly.
    public var dispatched: UInt64
    /// Packets handled directly in the worker's place.
    public var hybridDispatched: UInt64
    /// Packets dropped for a full queue.
    public var qdrops: UInt64
    /// Packets queued.
    public var queued: UInt64
    /// Packets handled in any way.
    public var handled: UInt64
    /// What handling took; left out while accounting is off.
    public var accounting: AccountingSummary?

    enum CodingKeys: String, CodingKey {
      case name, len, watermark, dispatched, qdrops, queued, handled, accounting
      case hybridDispatched = "hybrid_dispatched"
    }
  }
}

/// The balance over a host's life: received = handled + dropped + queued.
public struct ConservationSummary: Codable, Sendable {
  /// Packets that came in.
  public var received: UInt64
  /// Packets for which a handler was called.
  public var handled: UInt64
  /// Packets that the engine dropped, by reason; reasons that never happened are left out.
  public var dropped: [String: UInt64]
  /// Packets that wait.
  public var queued: UInt64
  /// Whether it comes out even.
  public var balanced: Bool
}
