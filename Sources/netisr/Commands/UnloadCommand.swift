import ArgumentParser
import ControlPlane

struct UnloadCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "unload",
    abstract: "Take a plugin out of the running host.",
    discussion: """
      What is queued for it is handled first; its counters and tables stay in the host. The file stays too: the \
      directory is looked at again when the file changes.

      EXAMPLES
          netisr unload ip
      """)

  @OptionGroup var control: ControlOptions

  @Argument(help: "The plugin's name, as in `netisr list`.")
  var name: String

  func run() throws {
    print(PluginText.unloaded(try control.ask { client throws(ControlError) in try client.unload(name) }))
  }
}
