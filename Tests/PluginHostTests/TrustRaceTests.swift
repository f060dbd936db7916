import Foundation
import NetISR
import PluginHost
import PluginInspector
import Testing
import TestSupport

/// Somebody changes files while they are loaded, again and again: what runs is what was inspected, and signed.
///
/// A hundred loads each; `make trust-race LOADS=10000` for more.
@Suite(.serialized) struct TrustRaceTests {
  private static let loads =
    ProcessInfo.processInfo.environment["NETISR_RACE_LOADS"].flatMap(Int.init) ?? (CPlugin.sanitizer == nil ? 100 : 30)

  /// What came of many loads.
  private struct Outcome {
    var accepted = 0
    var refused: [String: Int] = [:]
  }

  /// Loads `race` again and again, while a thread does something to it, until there were enough loads and `isEnough` says so.
  /// What is accepted must be, in its bytes, its build-id and its code, one of `builds`.
  private func race(
    _ race: TrustRace, _ policy: InspectionPolicy, accepting builds: [TrustRace.Build],
    until isEnough: (Outcome) -> Bool, against attack: @escaping @Sendable (inout SeededGenerator) -> Void
  ) throws -> Outcome {
    var outcome = Outcome()
    try withHost(workers: false, log: LogBook(keeping: false), policy: policy) { engine, host in
      let done = Flag()
      let attacker = NetISR.Thread(name: "attacker") {
        var random = SeededGenerator(seed: 1)
        while !done.isSet { attack(&random) }
      }
      defer {
        done.set()
        attacker.join()
      }
      var count = 0
      while count < Self.loads || (!isEnough(outcome) && count < 100 * Self.loads) {
        count += 1
        do {
          let info = try host.load(race.file)
          let mark = engine.protocolStatistics().first { $0.name == "race" }?.queueLimit
          let build = builds.first { $0.sha256 == info.sha256 }
          #expect(build != nil && info.buildID == build?.buildID && mark == build?.mark, "\(info) \(mark ?? 0)")
          outcome.accepted += 1
          try host.unload("race")
        } catch let error as PluginError {
          for problem in error.problems { outcome.refused[Self.kind(problem), default: 0] += 1 }
        }
      }
      #expect(isEnough(outcome), "\(outcome)")
      print("race: \(count) loads, \(outcome.accepted) accepted, refused for \(outcome.refused)")
    }
    return outcome
  }

  /// A reason without what differs from file to file.
  private static func kind(_ problem: String) -> String {
    for text in [
      "found none", "of other bytes", "unknown key", "sealed bytes", "seal:", "base64", "two lines", "first line",
    ]
    where problem.contains(text) { return text }
    return String(problem.prefix { $0 != ":" })
  }

  /// By rename and by writing in place, of plugins and of signatures: nothing unsigned is ever loaded.
  @Test func nothingUnsignedIsLoaded() throws {
    try Fixtures.withTemporaryDirectory { folder in
      let files = try TrustRace(in: folder)
      files.rename(files.forged.bytes, to: files.file)
      var policy = InspectionPolicy()
      policy.signatures = SignaturePolicy(keys: files.keys, isRequired: true)
      let outcome = try race(
        files, policy, accepting: files.good,
        until: {
          $0.accepted > 0 && ["found none", "of other bytes", "unknown key"].allSatisfy($0.refused.keys.contains)
        },
        against: { files.exchange(&$0) })
      #expect(outcome.refused["sealed bytes"] == nil)
    }
  }

  /// Without signatures all three are good plugins, and two have one build-id: each runs as what it was found to be.
  @Test func whatRunsIsWhatWasInspected() throws {
    try Fixtures.withTemporaryDirectory { folder in
      let files = try TrustRace(in: folder)
      files.rename(files.forged.bytes, to: files.file)
      let builds = files.good + [files.forged]
      let outcome = try race(
        files, InspectionPolicy(), accepting: builds, until: { $0.accepted > 0 },
        against: { files.rename(builds[$0.next(below: 3)].bytes, to: files.file) })
      #expect(outcome.refused.isEmpty)
    }
  }

  /// Between inspection and load the bytes are in a memory file, which is not sealed at first: one who finds it in time
  /// has the load refused, and nothing more.
  @Test func changedBetweenInspectionAndLoadItIsRefused() throws {
    try Fixtures.withTemporaryDirectory { folder in
      let files = try TrustRace(in: folder, padding: 512 << 10)
      files.rename(files.good[0].bytes, to: files.file)
      let forger = MemoryFileForger(files.forged)
      let outcome = try race(
        files, InspectionPolicy(), accepting: [files.good[0]],
        until: { $0.accepted > 0 && $0.refused["sealed bytes"] != nil },
        against: { _ in forger.attack() })
      #expect(Set(outcome.refused.keys).isSubset(of: ["sealed bytes"]))
    }
  }
}
