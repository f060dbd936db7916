/// Something that could be better in how packets are placed and queued: what was found, and what to type.
public struct Advice: Codable, Sendable, Equatable {
  /// What it is about.
  public enum Kind: String, Codable, Sendable, CaseIterable {
    /// A queue was full, and packets were lost.
    case queueDrops = "queue-drops"
    /// A queue was nearly full once.
    case queueNearLimit = "queue-near-limit"
    /// One workstream has much more to do than the others.
    case imbalance
    /// All packets of a protocol go to one workstream: others are of no use to it.
    case oneWorkstream = "one-workstream"
    /// A handler takes less than handing its packets to another CPU.
    case smallHandler = "small-handler"
    /// Packets are queued where they could be handled at once, in the same order.
    case needlessQueue = "needless-queue"
    /// All packets are handled on the threads that receive them, and take long.
    case idleWorkers = "idle-workers"
    /// What can't be told, because handlers are not timed.
    case accountingOff = "accounting-off"
  }

  /// What it is about.
  public var kind: Kind
  /// The protocol concerned; left out for the host as a whole.
  public var name: String?
  /// What was found, with its figures.
  public var finding: String
  /// The command that changes it; left out where none does.
  public var command: String?
}

/// What `netisr stat --advice --json` prints.
public struct AdviceReport: Codable, Sendable {
  /// Whether handlers are timed; if not, some of it can't be known.
  public var accounting: Bool
  /// Packets that it is drawn from.
  public var handled: UInt64
  /// The most pressing first.
  public var advice: [Advice]

  /// Advice for a host with these statistics.
  public init(_ statistics: HostStatistics) {
    accounting = statistics.configuration.accounting
    handled = statistics.conservation.handled
    advice = Adviser(statistics).advice()
  }
}
