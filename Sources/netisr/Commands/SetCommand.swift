import ArgumentParser
import ControlPlane

struct SetCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "set",
    abstract: "Change a setting of the running host, at once.",
    discussion: """
      EXAMPLES
          netisr set net.isr.dispatch=deferred
          netisr set net.isr.maxthreads=4
          netisr set net.isr.proto.ip.qlimit=1024
          netisr set net.isr.proto.ether.dispatch=default
          netisr set net.mbufs.limit=536870912
      """)

  @OptionGroup var control: ControlOptions

  @Argument(help: ArgumentHelp("The setting and its new value.", valueName: "name=value"))
  var assignment: String

  func validate() throws {
    guard let equals = assignment.firstIndex(of: "="), equals != assignment.startIndex else {
      throw ValidationError("expected NAME=VALUE, found '\(assignment)'")
    }
  }

  func run() throws {
    let parts = assignment.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
    let change = try control.ask { client throws(ControlError) in
      try client.set(String(parts[0]), to: String(parts[1]))
    }
    print("\(change.name): \(change.old) -> \(change.value)")
  }
}
