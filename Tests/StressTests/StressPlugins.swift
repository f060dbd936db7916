import NetISR
import TestSupport

/// The two protocols of a round, as plugins, in two builds each: `first` hands some streams on to `second`.
struct StressPlugins {
  static let protocols: [(name: String, proto: UInt32)] = [("first", 11), ("second", 12)]
  private let folder: String

  /// Compiles them all, for every policy.
  init(in folder: String) throws {
    self.folder = folder
    for policy in Policy.allCases {
      for (name, proto) in Self.protocols {
        for build in 1...2 {
          try CPlugin.compile(
            CPlugin.sequenceChecker(name: name, proto: proto, policy: policy, build: build),
            to: path(name, policy, build: build))
        }
      }
    }
  }

  /// The file of one build.
  func path(_ name: String, _ policy: Policy, build: Int) -> String { "\(folder)/\(name)-\(policy)-\(build).so" }
}
