import ArgumentParser
import ControlPlane

struct ReloadCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "reload",
    abstract: "Swap a plugin of the running host for what its file has now.",
    discussion: """
      No packet is lost, and order holds. If the file is refused, the old generation serves on.

      EXAMPLES
          netisr reload ip
      """)

  @OptionGroup var control: ControlOptions

  @Argument(help: "The plugin's name, as in `netisr list`.")
  var name: String

  func run() throws {
    print(PluginText.serving(try control.ask { client throws(ControlError) in try client.reload(name) }))
  }
}
