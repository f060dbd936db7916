import ArgumentParser
import ControlPlane

extension Host.GlobalDispatch: ExpressibleByArgument {}

/// What an engine is made with.
struct EngineOptions: ParsableArguments {
  @Option(
    name: .customLong("plugins"),
    help: ArgumentHelp("The directory of the plugins. (default: plugins.d)", valueName: "dir"))
  var pluginDirectory: String?

  @Option(
    help: """
      When handlers run: at once on the receiving thread, at once where that keeps order, or from queues. \
      (default: direct; of explain: deferred)
      """)
  var dispatch: Host.GlobalDispatch?

  @Option(help: ArgumentHelp("Worker threads, 1 to 256. (default: one per CPU)", valueName: "n"))
  var threads: Int?

  /// The directory of the plugins.
  var plugins: String { pluginDirectory ?? "plugins.d" }

  /// The host's configuration. Throws when what `trust` names can't be used.
  func configuration(
    _ trust: TrustOptions, dispatch usual: Host.GlobalDispatch = .direct
  ) throws(ControlError) -> Host.Configuration {
    var configuration = Host.Configuration()
    configuration.inspection = try trust.configuration.inspectionPolicy()
    configuration.dispatch = dispatch ?? usual
    configuration.threads = threads
    return configuration
  }

  func validate() throws {
    if let threads, !(1...256).contains(threads) {
      throw ValidationError("--threads: expected 1 to 256, found \(threads)")
    }
  }
}
