import Foundation
import NetISR
import Testing
import TestSupport

/// Order, and the balance, under everything that may change while packets flow, all at once and at random.
///
/// A few seconds with a fixed seed and one that is not; `make stress SECONDS=3600 SEED=1` for long. The seed decides what is
/// sent and changed; how the threads meet is the scheduler's, so that a seed is a hint, and not a recording.
@Suite(.serialized) struct StressTests {
  private static let environment = ProcessInfo.processInfo.environment
  private static let isLong = environment["NETISR_STRESS_SECONDS"] != nil

  @Test(.enabled(if: !isLong, "runs for long instead"), arguments: [1, UInt64.random(in: 2...999_999)])
  func orderHoldsOverEveryChange(seed: UInt64) throws {
    print("stress: seed \(seed)")
    try run(StressRound.all(seed: seed), seconds: 0.15)
  }

  @Test(.enabled(if: isLong, "NETISR_STRESS_SECONDS says for how long"))
  func orderHoldsForLong() throws {
    let seconds = try #require(Self.environment["NETISR_STRESS_SECONDS"].flatMap(Double.init), "a number of seconds")
    let seed = Self.environment["NETISR_STRESS_SEED"].flatMap(UInt64.init) ?? UInt64.random(in: 0 ..< .max)
    print("stress: \(seconds) s, seed \(seed)")
    let clock = ContinuousClock()
    let end = clock.now + .seconds(seconds)
    var random = SeededGenerator(seed: seed)
    var rounds = 0
    while clock.now < end {
      let all = StressRound.all(seed: random.next())
      try run(all, seconds: min(5, max(0.2, seconds / Double(2 * all.count))), until: end)
      rounds += all.count
    }
    print("stress: \(rounds) rounds over")
  }

  /// One after the other.
  private func run(
    _ rounds: [StressRound], seconds: Double, until end: ContinuousClock.Instant? = nil
  ) throws {
    try Fixtures.withTemporaryDirectory { folder in
      let plugins = try StressPlugins(in: folder)
      for round in rounds {
        if let end, ContinuousClock().now >= end { return }
        print(try round.run(seconds: seconds, plugins))
        fflush(nil)
      }
    }
  }
}
