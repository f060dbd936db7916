import ArgumentParser
import ControlPlane
import Glibc

struct VnetCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "vnet",
    abstract: "Virtual stacks of the running host.",
    discussion: """
      Each interface belongs to one vnet (vnet=N in its spec, else 0), and what comes in by it is that vnet's: addresses, \
      neighbours, routes, memberships and all other tables are apart, so that two vnets may have the same ones.

      EXAMPLES
          netisr vnet create 1
          netisr if add 'packet:eth1?inet=192.0.2.1/24&vnet=1'
          netisr vnet list
          netisr vnet disable ip 1
          netisr vnet enable ip 1
          netisr vnet delete 1
      """,
    subcommands: [CreateVnet.self, DeleteVnet.self, EnableProtocol.self, DisableProtocol.self, ListVnets.self])

  /// A line for each vnet.
  static func text(_ list: VnetList) -> String {
    var text = TextTable([("Vnet", .right), ("Entries", .right), ("Interfaces", .left), ("Protocols", .left)])
    func words(_ names: [String]) -> String { names.isEmpty ? "-" : names.joined(separator: ",") }
    for vnet in list.vnets {
      let disabled = vnet.disabled.isEmpty ? "" : " (disabled: \(vnet.disabled.joined(separator: ",")))"
      text.add(["\(vnet.vnet)", "\(vnet.entries)", words(vnet.interfaces), words(vnet.protocols) + disabled])
    }
    return text.text
  }

  struct CreateVnet: ParsableCommand {
    static let configuration = CommandConfiguration(
      commandName: "create", abstract: "Make a vnet.",
      discussion: "An interface that is added to a vnet makes it as well; it stays when the interface goes.")

    @OptionGroup var control: ControlOptions

    @Argument(help: "Its number, 1 to 255.")
    var vnet: UInt32

    func run() throws {
      _ = try control.ask { client throws(ControlError) in try client.createVnet(vnet) }
      print("vnet \(vnet): created")
    }
  }

  struct DeleteVnet: ParsableCommand {
    static let configuration = CommandConfiguration(
      commandName: "delete", abstract: "Take a vnet without interfaces away, and all that tables have of it.")

    @OptionGroup var control: ControlOptions

    @Argument(help: "Its number.")
    var vnet: UInt32

    func run() throws {
      let list = try control.ask { client throws(ControlError) in try client.deleteVnet(vnet) }
      print("vnet \(vnet): deleted; \(list.vnets.first?.entries ?? 0) table entries")
    }
  }

  /// A protocol in a vnet, of a running host.
  struct Place: ParsableArguments {
    @OptionGroup var control: ControlOptions

    @Argument(help: "The protocol's name or number, as in `netisr stat`.")
    var proto: String

    @Argument(help: "The vnet's number.")
    var vnet: UInt32

    func set(enabled: Bool) throws {
      _ = try control.ask { client throws(ControlError) in try client.setProtocol(proto, in: vnet, enabled: enabled) }
      print("\(proto): \(enabled ? "enabled" : "disabled") in vnet \(vnet)")
    }
  }

  struct EnableProtocol: ParsableCommand {
    static let configuration = CommandConfiguration(
      commandName: "enable", abstract: "Let a protocol take a vnet's packets again.")

    @OptionGroup var place: Place

    func run() throws { try place.set(enabled: true) }
  }

  struct DisableProtocol: ParsableCommand {
    static let configuration = CommandConfiguration(
      commandName: "disable", abstract: "Refuse a vnet's packets for a protocol.",
      discussion: """
        What is queued for it there is dropped, and what comes later too; both are counted. Other vnets go on. A protocol \
        that is unloaded and loaded again is enabled everywhere; a reload changes nothing.
        """)

    @OptionGroup var place: Place

    func run() throws { try place.set(enabled: false) }
  }

  struct ListVnets: ParsableCommand {
    static let configuration = CommandConfiguration(
      commandName: "list", abstract: "List the vnets with their interfaces and protocols.")

    @OptionGroup var control: ControlOptions

    @Flag(help: "Print one JSON object.")
    var json = false

    func run() throws {
      let list = try control.ask { client throws(ControlError) in try client.vnets() }
      if json { printJSON(list) } else { write(VnetCommand.text(list), to: STDOUT_FILENO) }
    }
  }
}
