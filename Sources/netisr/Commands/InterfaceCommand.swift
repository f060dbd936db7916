import ArgumentParser
import ControlPlane
import Glibc

struct InterfaceCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "if",
    abstract: "Add, remove and list the interfaces of the running host.",
    discussion: """
      An interface is one of

        file:PATH       a capture as a source
                        loop, loop=N, pps=N, pair, vnet=N
        packet:DEVICE   a device of the kernel, by packet sockets
                        promisc, queues=N, monitor, inet=, inet6=, vnet=N
        tap:DEVICE      a tap device, made here
                        queues=N, mtu=N, down, monitor, inet=, inet6=, vnet=N
        epair:NAME      a pair inside of the host, NAMEa and NAMEb
                        inet=, inet6=, peer-inet=, peer-inet6=, vnet=N, peer-vnet=N
        atm:NAME        a permanent circuit inside of the host, NAMEa and NAMEb
                        pvc=VPI/VCI, encap=llc|vc, mtu=N, and as of epair
        netlink:        what the kernel says by rtnetlink, for route
                        vnet=N

      Options follow a "?", with & between them; inet= and inet6= are followed by ADDRESS/BITS, several with commas. \
      Devices take CAP_NET_RAW (packet) or CAP_NET_ADMIN (tap).

      EXAMPLES
          netisr if add 'packet:eth0?promisc&queues=2'
          netisr if add 'tap:tap0?inet=192.0.2.2/24'
          netisr if list
          netisr if stat --json | jq '.interfaces[] | {name, frames, sent}'
          netisr if join eth0 239.1.2.3
          netisr if remove eth0
      """,
    subcommands: [Add.self, Remove.self, List.self, Stat.self, Join.self, Leave.self])

  struct Add: ParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Make an interface.",
      discussion: """
        A device that is not there is an error; one that goes later is waited for.

        EXAMPLES
            netisr if add packet:eth0
        """)

    @OptionGroup var control: ControlOptions

    @Argument(help: ArgumentHelp("The interface.", valueName: "spec"), transform: InterfaceArgument.fromCommandLine)
    var interface: InterfaceArgument

    func run() throws {
      let made = try control.ask { client throws(ControlError) in try client.addInterface(interface.absolute) }
      write(InterfaceText.list(made.interfaces), to: STDOUT_FILENO)
    }
  }

  struct Remove: ParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Take an interface away.",
      discussion: """
        What it has received is still handled. Of a pair both ends go.

        EXAMPLES
            netisr if remove eth0
        """)

    @OptionGroup var control: ControlOptions

    @Argument(help: "The interface's name, as in `netisr if list`.")
    var name: String

    func run() throws {
      let gone = try control.ask { client throws(ControlError) in try client.removeInterface(name) }
      for item in gone.interfaces { print("\(item.name): removed; \(item.frames) received, \(item.sent) sent") }
    }
  }

  struct List: ParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "List the interfaces: state and addresses.",
      discussion: """
        EXAMPLES
            netisr if list
            netisr if list --json
        """)

    @OptionGroup var control: ControlOptions

    @Flag(help: "Print one JSON object.")
    var json = false

    func run() throws {
      let list = try control.ask { client throws(ControlError) in try client.interfaces() }
      if json { printJSON(list) } else { write(InterfaceText.list(list.interfaces), to: STDOUT_FILENO) }
    }
  }

  struct Stat: ParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Print what the interfaces received, sent and dropped.",
      discussion: """
        KDrops are frames that the kernel dropped because they were not taken in time.

        EXAMPLES
            netisr if stat
            netisr if stat --json
        """)

    @OptionGroup var control: ControlOptions

    @Flag(help: "Print one JSON object.")
    var json = false

    func run() throws {
      let list = try control.ask { client throws(ControlError) in try client.interfaces() }
      if json { printJSON(list) } else { write(InterfaceText.figures(list.interfaces), to: STDOUT_FILENO) }
    }
  }

  struct Join: ParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Make the host a member of a multicast group by an interface.",
      discussion: """
        igmp tells the routers and switches of the link so. Which groups there are is in `netisr table show shared.groups`.

        EXAMPLES
            netisr if join eth0 239.1.2.3
        """)

    @OptionGroup var control: ControlOptions

    @Argument(help: "The interface's name, as in `netisr if list`.")
    var name: String

    @Argument(help: "The group's address.")
    var group: String

    func run() throws {
      let done = try control.ask { client throws(ControlError) in try client.join(group, on: name) }
      print("\(done.interface): joined \(done.group)")
    }
  }

  struct Leave: ParsableCommand {
    static let configuration = CommandConfiguration(abstract: "Have the host leave a multicast group.")

    @OptionGroup var control: ControlOptions

    @Argument(help: "The interface's name, as in `netisr if list`.")
    var name: String

    @Argument(help: "The group's address.")
    var group: String

    func run() throws {
      let done = try control.ask { client throws(ControlError) in try client.leave(group, on: name) }
      print("\(done.interface): left \(done.group)")
    }
  }
}

extension InterfaceArgument {
  /// For ArgumentParser: a text that is no interface is a wrong command line.
  static func fromCommandLine(_ text: String) throws -> InterfaceArgument {
    do throws(ControlError) {
      return try InterfaceArgument(parsing: text)
    } catch {
      throw ValidationError(error.description)
    }
  }
}
