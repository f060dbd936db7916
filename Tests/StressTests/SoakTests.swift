import Foundation
import Testing
import TestSupport

/// Everything at once, for some seconds; `make soak SECONDS=1800 SEED=1` for long. As with the stress tests, a seed
/// says what is done, and not how the threads meet.
@Suite(.serialized) struct SoakTests {
  private static let environment = ProcessInfo.processInfo.environment
  private static let isLong = environment["NETISR_SOAK_SECONDS"] != nil

  @Test(.enabled(if: !isLong, "runs for long instead")) func aHostHoldsForAWhile() throws {
    try run(seed: 1, seconds: 4, between: 0.8)
  }

  @Test(.enabled(if: isLong, "NETISR_SOAK_SECONDS says for how long")) func aHostHoldsForLong() throws {
    let seconds = try #require(Self.environment["NETISR_SOAK_SECONDS"].flatMap(Double.init), "a number of seconds")
    let seed = Self.environment["NETISR_SOAK_SEED"].flatMap(UInt64.init) ?? UInt64.random(in: 0 ..< .max)
    try run(seed: seed, seconds: seconds, between: min(10, max(1, seconds / 20)))
  }

  private func run(seed: UInt64, seconds: Double, between checkpoints: Double) throws {
    print("soak: \(seconds) s, seed \(seed)")
    try Fixtures.withTemporaryDirectory { folder in
      let soak = try Soak(seed: seed, in: folder)
      let clock = ContinuousClock()
      let end = clock.now + .seconds(seconds)
      do {
        while clock.now < end {
          print("soak: \(try soak.run(seconds: checkpoints))")
          fflush(nil)
        }
      } catch {
        // Its threads end with it.
        Issue.record("\(error)")
      }
      soak.end()
    }
  }
}
