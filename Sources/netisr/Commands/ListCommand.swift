import ArgumentParser
import ControlPlane

struct ListCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "list",
    abstract: "List the plugins of the running host.",
    discussion: """
      Every generation that is mapped, and every file that was refused, with the reasons. A generation that drains says \
      for how many threads it waits.

      EXAMPLES
          netisr list
          netisr list --json | jq '.plugins[].name'
      """)

  @OptionGroup var control: ControlOptions

  @Flag(help: "Print one JSON object.")
  var json = false

  func run() throws {
    let list = try control.ask { client throws(ControlError) in try client.plugins() }
    if json { printJSON(list) } else { write(PluginText.list(list.plugins), to: 1) }
  }
}
