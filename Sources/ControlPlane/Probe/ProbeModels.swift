/// What a probe is to do.
public struct ProbePlan: Sendable {
  /// Packets that are made, where no capture is given.
  public var packets = 10_000
  /// The same seed makes the same packets.
  public var seed: UInt64 = 1
  /// Seconds until it is given up.
  public var timeout: UInt32 = 30
  /// Seconds of CPU time that it may take.
  public var cpu: UInt32 = 20
  /// Bytes of memory that it may map.
  public var memory: UInt64 = 2 << 30
  /// Captures whose packets are sent, instead of made ones.
  public var captures: [String] = []

  /// What `netisr probe` does unless told otherwise.
  public init() {}
}

/// What came of a probe: `netisr probe --json`.
public struct ProbeReport: Codable, Sendable {
  /// Whether it may be loaded, as far as that was tried.
  public enum Verdict: String, Codable, Sendable { case accepted, refused }

  /// The file as the user named it.
  public var file: String
  /// SHA-256 of the bytes that were tried, in hexadecimal.
  public var sha256: String
  /// Refused: for the reasons.
  public var verdict: Verdict
  /// Why it is refused: each with what happened, where, and at which packet.
  public var reasons: [String]
  /// The plugin's name, once it was loaded.
  public var name: String?
  /// Its protocol number.
  public var proto: UInt32?
  /// Packets that were handed to it, the one at which it ended included.
  public var packets: UInt64
  /// mbufs that nobody gave back before it was unloaded.
  public var leaked: Int?
  /// Of the made packets.
  public var seed: UInt64
  /// From the start of the process to its end, in nanoseconds.
  public var elapsed: UInt64
  /// The report of the fault, as `netisr faults show --json` has it.
  public var fault: FaultSummary?

  enum CodingKeys: String, CodingKey {
    case file, sha256, verdict, reasons, name, proto, packets, seed, fault
    case leaked = "leaked_mbufs"
    case elapsed = "elapsed_ns"
  }
}

/// What the process that tries a plugin out tells of it, if it comes to that.
struct ProbeOutcome: Codable {
  var problems: [String] = []
  var name: String?
  var proto: UInt32?
  var leaked: Int?
  var fault: FaultSummary?
}

/// What that process does.
enum ProbePhase: UInt32 {
  case starting, loading, handling, waiting, unloading, done

  /// "when it was loaded".
  func text(_ packets: UInt64) -> String {
    switch self {
    case .starting: "before it was loaded"
    case .loading: "when it was loaded"
    case .handling: "at packet \(packets)"
    case .waiting: "when time passed after packet \(packets)"
    case .unloading: "when it was unloaded"
    case .done: "at its end"
    }
  }
}
