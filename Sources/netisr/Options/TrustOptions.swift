import ArgumentParser
import ControlPlane

/// Which plugins are taken.
struct TrustOptions: ParsableArguments {
  @Flag(help: "Notes (constructors, symbol collisions, sensitive imports) refuse a file too.")
  var strict = false

  @Option(help: ArgumentHelp("A policy file: libraries and imports that plugins may have.", valueName: "file"))
  var policy: String?

  @Option(
    help: ArgumentHelp(
      "A directory of public keys (*.pub): a plugin that has a signature (FILE.sig) needs a good one by one of them.",
      valueName: "dir"))
  var keys: String?

  @Flag(help: "A plugin without a signature is refused. Needs --keys, or that key in the configuration file.")
  var requireSignatures = false

  /// What is said here.
  var configuration: TrustConfiguration {
    var configuration = TrustConfiguration()
    // A flag can't say no: what is not given leaves the word to the configuration file.
    configuration.isStrict = strict ? true : nil
    configuration.policy = policy
    configuration.keys = keys
    configuration.requiresSignatures = requireSignatures ? true : nil
    return configuration
  }
}
