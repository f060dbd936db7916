import ArgumentParser
import ControlPlane

/// Which host a command talks to.
struct ControlOptions: ParsableArguments {
  @Option(
    name: .customLong("control"),
    help: ArgumentHelp(
      "The host's control socket. (default: /run/netisr.sock for root, $XDG_RUNTIME_DIR/netisr.sock for others)",
      valueName: "socket"))
  var path: String?

  /// Asks the host; what fails is one line on standard error and exit status 1.
  func ask<Answer>(_ question: (ControlClient) throws(ControlError) -> Answer) throws -> Answer {
    try orFail { () throws(ControlError) in
      try question(ControlClient(ControlSocket(path)))
    }
  }
}
