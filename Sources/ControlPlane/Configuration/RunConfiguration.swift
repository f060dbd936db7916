import Logging

/// What `netisr run` takes, from a file or from the command line: nil is "not said".
public struct RunConfiguration: Sendable {
  /// The directory of the plugins.
  public var plugins: String?
  /// The control socket.
  public var control: String?
  /// The global dispatch policy.
  public var dispatch: Host.GlobalDispatch?
  /// Worker threads.
  public var threads: Int?
  /// Whether each worker is bound to a CPU.
  public var bind: Bool?
  /// Whether workers never sleep.
  public var poll: Bool?
  /// Whether each plugin is tried out before it is loaded.
  public var probe: Bool?
  /// The directory for reports of plugins' faults.
  public var faults: String?
  /// Which plugins are taken.
  public var trust = TrustConfiguration()
  /// The least level that is logged.
  public var logLevel: Logger.Level?
  /// The interfaces.
  public var interfaces: [InterfaceArgument] = []
  /// Settings by name, as `netisr set` takes them, in the order in which they are made.
  public var settings: [(name: String, value: String)] = []

  /// Nothing said.
  public init() {}

  /// What is said here; where nothing is, what `other` says. Interfaces and settings of both.
  public func over(_ other: RunConfiguration) -> RunConfiguration {
    var both = self
    both.plugins = plugins ?? other.plugins
    both.control = control ?? other.control
    both.dispatch = dispatch ?? other.dispatch
    both.threads = threads ?? other.threads
    both.bind = bind ?? other.bind
    both.poll = poll ?? other.poll
    both.probe = probe ?? other.probe
    both.faults = faults ?? other.faults
    both.trust = trust.over(other.trust)
    both.logLevel = logLevel ?? other.logLevel
    both.interfaces = other.interfaces + interfaces
    both.settings = other.settings + settings
    return both
  }

  /// What a host is made with. Throws when the policy's file is wrong, or the keys can't be used.
  public func host() throws(ControlError) -> Host.Configuration {
    var configuration = Host.Configuration()
    configuration.inspection = try trust.inspectionPolicy()
    configuration.threads = threads
    configuration.bindThreads = bind ?? false
    configuration.polling = poll ?? false
    configuration.probesPlugins = probe ?? false
    configuration.faultDirectory = faults
    configuration.dispatch = dispatch ?? .direct
    return configuration
  }
}
