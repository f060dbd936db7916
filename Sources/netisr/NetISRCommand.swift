import ArgumentParser

@main
struct NetISRCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "netisr",
    abstract: "Dispatch packets to protocol handlers that come and go as plugins.",
    discussion: """
      netisr is FreeBSD's packet dispatch service, netisr(9), in user space. Protocols are shared objects in a \
      directory: a file that appears there serves, one that is replaced takes over without a packet lost, one that is \
      deleted is gone.

      EXAMPLES
        Look at what a plugin is, without running any code of it:
          netisr inspect plugins.d/ip.so
        Send a capture through all plugins:
          netisr replay --plugins plugins.d capture.pcap
        Run a host, and look at it from another terminal:
          netisr run --plugins plugins.d --interface 'file:capture.pcap?loop'
          netisr list
          netisr stat --watch
        Change a setting while it runs:
          netisr set net.isr.dispatch=deferred

      EXIT STATUS
        0   done
        1   refused or failed; one line on standard error says why
        64  the command line is wrong
      """,
    version: "netisr 1.0.0",
    groupedSubcommands: [
      CommandGroup(name: "Hosts", subcommands: [RunCommand.self, ReplayCommand.self, ProbeProcessCommand.self]),
      CommandGroup(
        name: "Plugins",
        subcommands: [
          InspectCommand.self, ProbeCommand.self, LoadCommand.self, UnloadCommand.self, ReloadCommand.self,
          ListCommand.self,
          FaultsCommand.self,
        ]),
      CommandGroup(name: "Keys", subcommands: [KeygenCommand.self, SignCommand.self]),
      CommandGroup(name: "Interfaces", subcommands: [InterfaceCommand.self, RouteCommand.self, VnetCommand.self]),
      CommandGroup(
        name: "State",
        subcommands: [StatCommand.self, TableCommand.self, ExplainCommand.self, GetCommand.self, SetCommand.self]),
      CommandGroup(name: "Measuring", subcommands: [BenchCommand.self]),
    ])
}
