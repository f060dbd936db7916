import ArgumentParser
import ControlPlane

struct FaultsCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "faults",
    abstract: "Look at the faults of plugins.",
    discussion: """
      A plugin whose code faults is quarantined: no packet reaches it any more, what was queued for it is dropped and \
      counted, and everything else goes on. `netisr reload NAME` puts a better build in its place.

      EXAMPLES
          netisr faults
          netisr faults show 1
          netisr faults show 1 --packet /tmp/packet.pcap
      """,
    subcommands: [List.self, Show.self], defaultSubcommand: List.self)

  struct List: ParsableCommand {
    static let configuration = CommandConfiguration(abstract: "List them, oldest first.")

    @OptionGroup var control: ControlOptions

    @Flag(help: "Print one JSON object.")
    var json = false

    func run() throws {
      let list = try control.ask { client throws(ControlError) in try client.faults() }
      if json { printJSON(list) } else { write(FaultText.list(list.faults), to: 1) }
    }
  }

  struct Show: ParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Print one: plugin, signal, registers, stack, and the packet in flight.")

    @OptionGroup var control: ControlOptions

    @Argument(help: ArgumentHelp("Its number in the list.", valueName: "number"))
    var number: Int

    @Flag(help: "Print one JSON object.")
    var json = false

    @Option(help: ArgumentHelp("Write the packet in flight to a capture file.", valueName: "file"))
    var packet: String?

    func run() throws {
      let fault = try control.ask { client throws(ControlError) in try client.fault(number) }
      if let packet { try orFail { () throws(ControlError) in try fault.write(packetTo: packet) } }
      if json { printJSON(fault) } else { write(FaultText.whole(fault), to: 1) }
    }
  }
}
