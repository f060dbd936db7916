/// A form measured: the engine beside the original's design.
public struct DispatchRow: Sendable, Encodable {
  /// How packets were handed over.
  public var form: Form
  /// Where they came from.
  public var supply: Supply
  /// The engine.
  public var engine: Figure
  /// The original's design, which has single calls only: batches stand beside those.
  public var baseline: Figure
  /// How far the CPUs were from each other.
  public var regime: Regime
  /// The round trip of a cache line between them, in ns, where packets cross.
  public var roundTrip: Double?
  /// Samples of each side that counted, at least.
  public var rounds: Int
  /// Samples that did not, since the regime changed meanwhile.
  public var discarded: Int
  /// What it may cost, if that is laid down.
  public var budget: Budget?

  /// Engine's median by the original's.
  public var ratio: Double { engine.median / baseline.median }
  /// Engine's best by the original's.
  public var bestRatio: Double { engine.best / baseline.best }
  /// Whether the median keeps the budget; nil without one.
  public var meetsMedian: Bool? { budget?.ofMedian.map { ratio <= $0 } }
  /// Whether the best keeps the budget; nil without one.
  public var meetsBest: Bool? { budget?.ofBest.map { bestRatio <= $0 } }

  enum CodingKeys: String, CodingKey {
    case form, supply, regime, rounds, discarded, budget, baseline, best, ratio
    case nsPerPacket = "ns_per_packet"
    case roundTrip = "round_trip_ns"
    case bestRatio = "best_ratio"
    case meetsMedian = "meets_median"
    case meetsBest = "meets_best"
  }

  /// The engine's median is `ns_per_packet`.
  public func encode(to encoder: any Encoder) throws {
    var container = encoder.container(keyedBy: CodingKeys.self)
    try container.encode(form, forKey: .form)
    try container.encode(supply, forKey: .supply)
    try container.encode(engine.median, forKey: .nsPerPacket)
    try container.encode(engine.best, forKey: .best)
    try container.encode(baseline, forKey: .baseline)
    try container.encode(ratio, forKey: .ratio)
    try container.encode(bestRatio, forKey: .bestRatio)
    try container.encode(regime, forKey: .regime)
    try container.encodeIfPresent(roundTrip, forKey: .roundTrip)
    try container.encode(rounds, forKey: .rounds)
    try container.encode(discarded, forKey: .discarded)
    try container.encodeIfPresent(budget, forKey: .budget)
    try container.encodeIfPresent(meetsMedian, forKey: .meetsMedian)
    try container.encodeIfPresent(meetsBest, forKey: .meetsBest)
  }
}

extension Rig {
  /// Measures one form.
  func measure(_ form: Form, _ supply: Supply, _ plan: BenchPlan) throws(BenchError) -> DispatchRow {
    let comparison = try compare(
      rounds: plan.rounds, across: form.crossesCores,
      [
        { self.sample(form, supply, .baseline, packets: plan.packets) },
        { self.sample(form, supply, .engine, packets: plan.packets) },
      ])
    return DispatchRow(
      form: form, supply: supply, engine: .init(comparison.sides[1]), baseline: .init(comparison.sides[0]),
      regime: comparison.regime, roundTrip: comparison.roundTrip,
      rounds: comparison.rounds, discarded: comparison.discarded,
      budget: Budget(form, supply, comparison.regime))
  }
}
