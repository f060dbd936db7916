import ArgumentParser
import ControlPlane
import Glibc

struct RouteCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "route",
    abstract: "Look at the routes of the running host, change them, follow their changes.",
    discussion: """
      The route plugin keeps what the kernel says (the interface netlink:), and what is said here, for as long as the host \
      runs. What is added here is this host's alone: the kernel is not told. Of the prefixes that cover an address the \
      longest counts; an interface's own network comes before a route with the same prefix.

      EXAMPLES
          netisr route list
          netisr route add 198.51.100.0/24 via 192.0.2.1
          netisr route add default dev eth0 metric 100
          netisr route add 203.0.113.0/24 blackhole
          netisr route replace 198.51.100.0/24 via 192.0.2.7 mtu 1400
          netisr route get 198.51.100.9
          netisr route delete 198.51.100.0/24
          netisr route monitor --json
      """,
    subcommands: [
      AddRoute.self, ReplaceRoute.self, DeleteRoute.self, GetRoute.self, ListRoutes.self, MonitorRoutes.self,
    ])

  /// The options of those that change a route: `PREFIX [via GATEWAY] [dev INTERFACE] ...`.
  struct Change: ParsableArguments {
    @OptionGroup var control: ControlOptions

    @Option(help: "The virtual stack.")
    var vnet: UInt32 = 0

    @Argument(help: ArgumentHelp("Where to: ADDRESS/BITS, ADDRESS, or default.", valueName: "prefix"))
    var prefix: String

    @Argument(
      help: ArgumentHelp(
        "via GATEWAY, dev INTERFACE, metric N, mtu BYTES; blackhole, unreachable or prohibit.", valueName: "words"))
    var words: [String] = []

    /// The request that the words make.
    func request(_ action: RouteRequest.Action) throws -> RouteRequest {
      var request = RouteRequest(action, prefix, vnet: vnet)
      var rest = words[...]
      while let word = rest.popFirst() {
        if let kind = RouteRequest.Kind(rawValue: word) {
          request.kind = kind
          continue
        }
        guard ["via", "dev", "metric", "mtu"].contains(word) else {
          throw ValidationError(
            "'\(word)': expected via, dev, metric, mtu, blackhole, unreachable or prohibit")
        }
        guard let value = rest.popFirst() else { throw ValidationError("\(word): expected a value behind it") }
        switch word {
        case "via": request.via = value
        case "dev": request.interface = value
        case "metric": request.metric = try number(value, of: word)
        default: request.mtu = try number(value, of: word)
        }
      }
      return request
    }

    private func number(_ text: String, of word: String) throws -> UInt32 {
      guard let number = UInt32(text) else { throw ValidationError("\(word): expected a number, found '\(text)'") }
      return number
    }

    /// Has it done, and prints what there is then, or was.
    func perform(_ action: RouteRequest.Action) throws {
      let request = try request(action)
      let list = try control.ask { client throws(ControlError) in try client.change(request) }
      let prefix = action == .delete ? "deleted " : ""
      write(list.routes.map { prefix + RouteText.line($0) + "\n" }.joined(), to: STDOUT_FILENO)
    }
  }

  struct AddRoute: ParsableCommand {
    static let configuration = CommandConfiguration(
      commandName: "add", abstract: "Make a route.",
      discussion: """
        EXAMPLES
            netisr route add 198.51.100.0/24 via 192.0.2.1 metric 10
            netisr route add 2001:db8:5::/48 via fe80::1 dev eth0
        """)

    @OptionGroup var change: Change

    func validate() throws { _ = try change.request(.add) }
    func run() throws { try change.perform(.add) }
  }

  struct ReplaceRoute: ParsableCommand {
    static let configuration = CommandConfiguration(
      commandName: "replace", abstract: "Make a route, or change the one with this prefix and metric.")

    @OptionGroup var change: Change

    func validate() throws { _ = try change.request(.replace) }
    func run() throws { try change.perform(.replace) }
  }

  struct DeleteRoute: ParsableCommand {
    static let configuration = CommandConfiguration(
      commandName: "delete", abstract: "Take a route away that was made here.",
      discussion: "Of several that match, the one with the lowest metric.")

    @OptionGroup var change: Change

    func validate() throws { _ = try change.request(.delete) }
    func run() throws { try change.perform(.delete) }
  }

  struct GetRoute: ParsableCommand {
    static let configuration = CommandConfiguration(
      commandName: "get", abstract: "Print where packets to addresses go.",
      discussion: "The exit status is 1 when there is no way to one of them.")

    @OptionGroup var control: ControlOptions

    @Option(help: "The virtual stack.")
    var vnet: UInt32 = 0

    @Flag(help: "Print one JSON object.")
    var json = false

    @Argument(help: "IPv4 or IPv6 addresses.")
    var addresses: [String]

    func run() throws {
      let lookups = try control.ask { client throws(ControlError) in
        var lookups: [RouteLookup] = []
        for address in addresses { lookups.append(try client.route(to: address, vnet: vnet)) }
        return lookups
      }
      if json {
        printJSON(RouteLookups(lookups))
      } else {
        write(lookups.map { RouteText.line($0) + "\n" }.joined(), to: STDOUT_FILENO)
      }
      if lookups.contains(where: { $0.route == nil }) { throw ExitCode.failure }
    }
  }

  struct ListRoutes: ParsableCommand {
    static let configuration = CommandConfiguration(
      commandName: "list", abstract: "Print the networks of the interfaces, and all routes of the main table.",
      discussion: "All that is kept, of the other tables too, is in `netisr table show route.routes`.")

    @OptionGroup var control: ControlOptions

    @Option(help: "The virtual stack.")
    var vnet: UInt32 = 0

    @Flag(help: "Print one JSON object.")
    var json = false

    func run() throws {
      let list = try control.ask { client throws(ControlError) in try client.routes(vnet: vnet) }
      if json {
        printJSON(list)
      } else {
        write(list.routes.map { RouteText.line($0) + "\n" }.joined(), to: STDOUT_FILENO)
      }
    }
  }

  struct MonitorRoutes: ParsableCommand {
    static let configuration = CommandConfiguration(
      commandName: "monitor",
      abstract: "Print every change of links, addresses, routes and neighbours, until interrupted.",
      discussion: """
        The host keeps the last 4,096 changes. Who is so slow that some are gone before they were read is told how many.
        """)

    @OptionGroup var control: ControlOptions

    @Option(help: "The virtual stack.")
    var vnet: UInt32 = 0

    @Flag(help: "Print one JSON object per line: a change, or {\"lost\": N}.")
    var json = false

    func run() throws {
      var last: UInt64?
      while true {
        let list = try control.ask { client throws(ControlError) in try client.routeChanges(after: last, vnet: vnet) }
        if list.lost > 0 { tell(lost: list.lost) }
        for change in list.changes {
          if json { printJSON(change) } else { write(RouteText.line(change) + "\n", to: STDOUT_FILENO) }
        }
        last = list.sequence
        usleep(100_000)
      }
    }

    private func tell(lost: UInt64) {
      if json { printJSON(["lost": lost]) } else { write("\(lost) changes lost\n", to: STDOUT_FILENO) }
    }
  }
}
