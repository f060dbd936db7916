/// Why the control plane could not do what it was asked. `description` is one line.
public struct ControlError: Error, Sendable, CustomStringConvertible {
  /// What kind of failure it is; the API answers with the status code in parentheses.
  public enum Kind: Sendable {
    /// The request makes no sense (400).
    case badRequest
    /// There is no such resource, plugin or setting (404).
    case notFound
    /// It is there, but can't be changed that way now (409).
    case conflict
    /// A plugin was refused (422).
    case refused
    /// The world is not as it should be: files, sockets, memory (500).
    case failed
  }

  /// What kind of failure it is.
  public let kind: Kind
  /// What was expected, what was found, and where.
  public let description: String
  /// Every single problem, where there are several.
  public let problems: [String]

  init(_ kind: Kind, _ description: String, problems: [String] = []) {
    self.kind = kind
    self.description = description
    self.problems = problems
  }
}
