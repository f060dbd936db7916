import CEngineBench

// Two or more things measured side by side.
//
// One after the other would compare two states of the machine: here, what lies between two CPUs changes within seconds
// by a factor of five. So they take turns, in alternating order; each sample across CPUs stands between two probes, and
// counts only where both say the same; and only samples of one regime are compared, the one that has the most.

/// What came of it.
struct Comparison {
  /// Samples of each side, at least.
  var rounds: Int { sides.map(\.samples.count).min() ?? 0 }

  /// One for each side, in the order given; all of `regime`.
  var sides: [Series]
  var regime: Regime
  /// The median round trip around these samples, in ns; nil where nothing crosses.
  var roundTrip: Double?
  /// Samples between two probes that disagreed.
  var discarded: Int
}

extension Rig {
  /// Takes samples of each side until every side has `rounds` of the same regime, or after four times as many, at least
  /// 20.
  ///
  /// - Parameter sides: each takes one sample and returns ns per packet, or nil when a packet was refused.
  func compare(rounds: Int, across: Bool, _ sides: [() -> Double?]) throws(BenchError) -> Comparison {
    guard across, let probe = unsafe probe else {
      var series = sides.map { _ in Series() }
      for round in 0..<rounds {
        for side in Self.order(sides.count, round) { series[side].add(try Self.taken(sides[side]())) }
      }
      return Comparison(sides: series, regime: across ? .sameCPU : .local, roundTrip: nil, discarded: 0)
    }
    var found: [Regime: [Series]] = [.near: sides.map { _ in Series() }, .far: sides.map { _ in Series() }]
    var trips: [Regime: Series] = [.near: Series(), .far: Series()]
    var discarded = 0
    func count(_ regime: Regime) -> Int { found[regime]?.map(\.samples.count).min() ?? 0 }
    var before = unsafe bench_probe_measure(probe)
    for round in 0..<max(20, 4 * rounds) where max(count(.near), count(.far)) < rounds {
      for side in Self.order(sides.count, round) {
        let sample = try Self.taken(sides[side]())
        let after = unsafe bench_probe_measure(probe)
        let regime = Regime(roundTrip: after)
        if regime == Regime(roundTrip: before) {
          found[regime]?[side].add(sample)
          trips[regime]?.add((before + after) / 2)
        } else {
          discarded += 1
        }
        before = after
      }
    }
    let regime: Regime = count(.near) >= count(.far) ? .near : .far
    guard let series = found[regime], count(regime) > 0 else {
      throw BenchError("the two CPUs' distance changed in every round: nothing can be compared")
    }
    return Comparison(sides: series, regime: regime, roundTrip: trips[regime]?.median, discarded: discarded)
  }

  private static func taken(_ sample: Double?) throws(BenchError) -> Double {
    guard let sample else { throw BenchError("a packet was refused, though no queue can be full") }
    return sample
  }

  /// First to last, or last to first.
  private static func order(_ count: Int, _ round: Int) -> [Int] {
    round % 2 == 0 ? Array(0..<count) : Array((0..<count).reversed())
  }
}

/// Why nothing could be measured.
public struct BenchError: Error, CustomStringConvertible {
  /// What was expected, and what was found.
  public let description: String

  init(_ description: String) { self.description = description }
}
