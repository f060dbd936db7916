import ArgumentParser
import ControlPlane

struct GetCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "get",
    abstract: "Print settings of the running host.",
    discussion: """
      EXAMPLES
          netisr get
          netisr get net.isr.dispatch
          netisr get net.isr.proto.ip.qlimit
      """)

  @OptionGroup var control: ControlOptions

  @Argument(help: "A setting. (default: all)")
  var name: String?

  func run() throws {
    let settings = try control.ask { client throws(ControlError) in
      if let name { [try client.setting(name)] } else { try client.settings().settings }
    }
    write(settings.map { "\($0.name): \($0.value)\n" }.joined(), to: 1)
  }
}
