/// What `netisr explain --json` prints: where frames of captures go, and why.
public struct ExplainReport: Encodable, Sendable {
  /// One capture.
  public struct Capture: Encodable, Sendable {
    /// The file as the user named it.
    public var file: String
    /// libpcap's name of the link type.
    public var linktype: String
    /// The interface that its frames come in by.
    public var interface: String
    /// That interface's index, which the SOURCE policy goes by.
    public var interfaceIndex: UInt32
    /// Frames that were followed.
    public var frames: UInt64
    /// Why it was not read on.
    public var error: String?

    enum CodingKeys: String, CodingKey {
      case file, linktype, interface, frames, error
      case interfaceIndex = "interface_index"
    }
  }

  /// A frame and its way.
  public struct Frame: Encodable, Sendable {
    /// The capture's file.
    public var file: String
    /// Its place in the capture, from 1.
    public var frame: UInt64
    /// Bytes captured of it.
    public var bytes: UInt64
    /// The protocol that takes frames of this link; left out when none does.
    public var entry: String?
    /// Why no protocol takes it.
    public var refused: String?
    /// The protocols on its way, in order.
    public var steps: [ExplainStep]
  }

  /// The captures that could be opened.
  public var captures: [Capture]
  /// The most frames of a capture that were followed; left out when there was no bound.
  public var limit: UInt64?
  /// What the engine ran with.
  public var configuration: EngineSummary
  /// The protocols, by number.
  public var protocols: [ProtocolSummary]
  /// The frames that were asked for.
  public var frames: [Frame]
  /// All frames that were followed, together.
  public var summary: ExplainSummary
}

/// One protocol on a frame's way.
public struct ExplainStep: Encodable, Sendable {
  /// The protocol's name.
  public var name: String
  /// Its number.
  public var proto: UInt32
  /// The protocol that passed the packet on; left out for the first, and when it can't be told.
  public var via: String?
  /// Its policy; left out when nobody serves it.
  public var policy: String?
  /// The dispatch policy in force.
  public var dispatch: String?
  /// `queued`, `at-once` or `dropped`.
  public var outcome: String
  /// Why it was dropped.
  public var reason: String?
  /// The receiving interface.
  public var interface: String?
  /// The receiving interface's index; 0 for none.
  public var interfaceIndex: UInt32
  /// The source word; left out when the engine did not look at it.
  public var source: UInt64?
  /// The flow by which it was placed.
  public var flow: Flow?
  /// What nh_m2cpuid answered: a CPU; left out when it was not asked, or had no preference.
  public var wantedCPU: UInt32?
  /// The workstream that was selected; left out when none was.
  public var workstream: Int?
  /// The CPU that the handler's thread counts as being on.
  public var cpu: UInt32?
  /// All that in a sentence.
  public var why: String

  /// A flow id and where it came from.
  public struct Flow: Encodable, Sendable {
    /// The id.
    public var id: UInt32
    /// What it was computed over, such as `rss-tcp-ipv6`, or `opaque`.
    public var hashType: String
    /// `packet` when the packet had it, `nh_m2flow` when the protocol computed it.
    public var from: String

    enum CodingKeys: String, CodingKey {
      case id, from
      case hashType = "hash_type"
    }
  }

  enum CodingKeys: String, CodingKey {
    case name, proto, via, policy, dispatch, outcome, reason, interface, source, flow, workstream, cpu, why
    case interfaceIndex = "interface_index"
    case wantedCPU = "wanted_cpu"
  }
}
