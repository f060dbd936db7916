/// What is measured, and how long.
public struct BenchPlan: Sendable {
  /// Samples of each side; at least 1.
  public var rounds = 9
  /// Packets of a sample; a multiple of 512.
  public var packets = 16 * Rig.mbufCount
  /// Packets whose latency is taken, one a millisecond.
  public var latencyPackets = 2_000
  /// How long the idle engine is watched.
  public var idleMilliseconds = 10_000
  /// What is measured.
  public var subjects = Subject.allCases

  /// Everything, for figures that can be relied on.
  public init() {}

  /// Everything, for a look: 5 rounds of an eighth of the packets.
  public static var quick: BenchPlan {
    var plan = BenchPlan()
    plan.rounds = 5
    plan.packets /= 8
    plan.latencyPackets = 200
    plan.idleMilliseconds = 500
    return plan
  }
}

/// What came of it. What was not asked for is empty or nil.
public struct BenchReport: Sendable, Encodable {
  /// Each form with each supply.
  public internal(set) var rows: [DispatchRow] = []
  /// Two senders of one protocol.
  public internal(set) var twoSenders: TwoSendersRow?
  /// Packet memory.
  public internal(set) var memory: [MemoryRow]?
  /// Two CPUs against one; nil also on a machine with one.
  public internal(set) var scaling: [ScalingRow]?
  /// From dispatch to handler.
  public internal(set) var latency: LatencyRow?
  /// Without traffic.
  public internal(set) var idle: IdleRow?

  /// A subject's name, or `rows`.
  private struct Key: CodingKey {
    let stringValue: String
    var intValue: Int? { nil }

    init(_ subject: Subject) { stringValue = subject.rawValue }
    init(stringValue: String) { self.stringValue = stringValue }
    init?(intValue: Int) { return nil }
  }

  /// Under each form's name its row with shuffled mbufs, the one that a long-running host would see; all of them are
  /// in `rows`.
  public func encode(to encoder: any Encoder) throws {
    var container = encoder.container(keyedBy: Key.self)
    for row in rows where row.supply == .shuffled {
      try container.encode(row, forKey: Key(stringValue: row.form.rawValue))
    }
    if !rows.isEmpty { try container.encode(rows, forKey: Key(stringValue: "rows")) }
    try container.encodeIfPresent(twoSenders, forKey: Key(.twoSenders))
    try container.encodeIfPresent(memory, forKey: Key(.memory))
    try container.encodeIfPresent(scaling, forKey: Key(.scaling))
    try container.encodeIfPresent(latency, forKey: Key(.latency))
    try container.encodeIfPresent(idle, forKey: Key(.idle))
  }
}
