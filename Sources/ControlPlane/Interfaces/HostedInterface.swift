/// An interface of a host, of whatever kind. [any thread]
protocol HostedInterface: AnyObject, Sendable {
  /// Unique within the host.
  var name: String { get }
  /// What the user wrote.
  var spec: String { get }
  /// Figures and state.
  var summaries: [InterfaceSummary] { get }
  /// Ends its input: when this returns, no packet of it enters any more. What is sent still goes out. [control]
  func quiesce()
  /// Takes it away, after `quiesce`. [control]
  func stop()
}
