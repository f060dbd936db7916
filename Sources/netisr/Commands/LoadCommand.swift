import ArgumentParser
import ControlPlane

struct LoadCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "load",
    abstract: "Load a plugin into the running host.",
    discussion: """
      The file is inspected, and refused with all its problems if any. A name or protocol number that is served \
      already is refused too: see reload.

      EXAMPLES
          netisr load ./build/ip.so
      """)

  @OptionGroup var control: ControlOptions

  @Argument(help: "A shared object, at a path of this machine.")
  var file: String

  func run() throws {
    // The host has another working directory.
    let path = CanonicalPath.of(file: file)
    print(PluginText.serving(try control.ask { client throws(ControlError) in try client.load(path) }))
  }
}
