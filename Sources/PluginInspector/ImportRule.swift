import Glibc

/// What an operator says of imports by name.
public struct ImportRule: Sendable, Equatable {
  /// What is done about a plugin that has such an import.
  public enum Verdict: String, CaseIterable, Sendable {
    /// Nothing, whatever the built-in list says.
    case allow
    /// A note, which refuses under a strict policy.
    case report
    /// It is refused.
    case refuse
  }

  /// A name, or a shell pattern, see fnmatch(3).
  public var pattern: String
  /// What is done.
  public var verdict: Verdict

  /// A rule.
  public init(pattern: String, verdict: Verdict) {
    self.pattern = pattern
    self.verdict = verdict
  }

  func matches(_ symbol: String) -> Bool { symbol.fits(pattern) }
}

extension String {
  /// Whether a shell pattern stands for it, see fnmatch(3).
  func fits(_ pattern: String) -> Bool { unsafe fnmatch(pattern, self, 0) == 0 }
}
