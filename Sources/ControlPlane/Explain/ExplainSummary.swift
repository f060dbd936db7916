import NetISR

/// How frames were spread.
public struct ExplainSummary: Encodable, Sendable {
  /// A workstream's part.
  public struct Workstream: Encodable, Sendable {
    /// Its number.
    public var wsid: Int
    /// Packets that went to it.
    public var packets: UInt64
    /// Of all packets that went to one: 0 to 1.
    public var share: Double
  }

  /// A protocol's packets.
  public struct Work: Encodable, Sendable {
    /// The protocol's name.
    public var name: String
    /// Packets that came to it.
    public var packets: UInt64
    /// Handled from a queue.
    public var queued: UInt64
    /// Handled on the sender's thread.
    public var atOnce: UInt64
    /// Dropped by the engine.
    public var dropped: UInt64
    /// Packets by workstream; those for which none was selected are nowhere.
    public var workstreams: [UInt64]
    /// Different flows, or, where flows do not count, different sources: what is never split.
    public var groups: Int
    /// The largest of them.
    public var largest: Group?

    enum CodingKeys: String, CodingKey {
      case name, packets, queued, dropped, workstreams, groups, largest
      case atOnce = "at_once"
    }
  }

  /// Packets that always share a workstream.
  public struct Group: Encodable, Sendable {
    /// `flow 123`, or `source 1+0`: interface and source word.
    public var key: String
    /// How many there were.
    public var packets: UInt64
    /// Of all packets of the protocol that were placed: 0 to 1.
    public var share: Double
    /// Where they went.
    public var workstream: Int
  }

  /// Frames that were followed.
  public var frames: UInt64
  /// Frames that no protocol takes.
  public var refused: UInt64
  /// By number.
  public var workstreams: [Workstream]
  /// By number.
  public var protocols: [Work]
}

/// Adds up where packets went.
struct ExplainTally {
  private struct Key: Hashable {
    var isFlow: Bool
    var a: UInt32
    var b: UInt

    var text: String { isFlow ? "flow \(a)" : "source \(a)+\(b)" }
  }

  private struct Work {
    var packets: UInt64 = 0
    var queued: UInt64 = 0
    var atOnce: UInt64 = 0
    var dropped: UInt64 = 0
    var workstreams: [UInt64]
    var groups: [Key: (packets: UInt64, workstream: Int)] = [:]
  }

  private let count: Int
  private var work: [UInt32: Work] = [:]
  private(set) var frames: UInt64 = 0
  private var refused: UInt64 = 0

  init(workstreams: Int) {
    count = workstreams
  }

  /// Enters a frame; one without steps was refused.
  mutating func add(_ steps: [PacketStep], isRefused: Bool) {
    frames += 1
    if isRefused { refused += 1 }
    for step in steps { add(step) }
  }

  private mutating func add(_ step: PacketStep) {
    var entry = work[step.proto] ?? Work(workstreams: Array(repeating: 0, count: count))
    defer { work[step.proto] = entry }
    entry.packets += 1
    switch step.outcome {
    case .queued: entry.queued += 1
    case .atOnce: entry.atOnce += 1
    case .dropped: entry.dropped += 1
    }
    guard let workstream = step.workstream else { return }
    entry.workstreams[workstream] += 1
    // What the policy goes by, and so what it never splits; nobody knows that of nh_m2cpuid's answers.
    let key: Key
    if step.policy == .flow, let flow = step.flow {
      key = Key(isFlow: true, a: flow.id, b: 0)
    } else if step.wantedCPU == nil || step.wantedCPU == UInt32.max, let source = step.source {
      key = Key(isFlow: false, a: step.interfaceIndex, b: source)
    } else {
      return
    }
    entry.groups[key, default: (0, workstream)].packets += 1
  }

  /// The sums.
  func summary(_ names: ProtocolNames) -> ExplainSummary {
    var totals = [UInt64](repeating: 0, count: count)
    for entry in work.values { for wsid in 0..<count { totals[wsid] += entry.workstreams[wsid] } }
    let all = totals.reduce(0, +)
    return ExplainSummary(
      frames: frames, refused: refused,
      workstreams: totals.indices.map { wsid in
        ExplainSummary.Workstream(wsid: wsid, packets: totals[wsid], share: Self.share(totals[wsid], of: all))
      },
      protocols: work.keys.sorted().map { number in
        // The key is one of `work`'s.
        let entry = work[number]!
        let placed = entry.workstreams.reduce(0, +)
        let largest = entry.groups.max { ($0.value.packets, $1.key.text) < ($1.value.packets, $0.key.text) }
        return ExplainSummary.Work(
          name: names[number], packets: entry.packets, queued: entry.queued, atOnce: entry.atOnce,
          dropped: entry.dropped, workstreams: entry.workstreams, groups: entry.groups.count,
          largest: largest.map {
            ExplainSummary.Group(
              key: $0.key.text, packets: $0.value.packets, share: Self.share($0.value.packets, of: placed),
              workstream: $0.value.workstream)
          })
      })
  }

  /// To four digits.
  private static func share(_ part: UInt64, of all: UInt64) -> Double {
    all == 0 ? 0 : (Double(part) / Double(all) * 10_000).rounded() / 10_000
  }
}
