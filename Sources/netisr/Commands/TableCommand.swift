import ArgumentParser
import ControlPlane

struct TableCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "table",
    abstract: "Look at the tables of the running host.",
    discussion: """
      What plugins keep in the host lies in tables: neighbours, routes, memberships, datagrams of which fragments are \
      missing. They survive swaps of their plugins.

      EXAMPLES
          netisr table list
          netisr table show arp.neighbours
          netisr table show route.inet --vnet 1 --json
      """,
    subcommands: [ListTables.self, ShowTable.self])

  struct ListTables: ParsableCommand {
    static let configuration = CommandConfiguration(
      commandName: "list",
      abstract: "List the tables.",
      discussion: "With a line for each vnet in which a table has ever had an entry.")

    @OptionGroup var control: ControlOptions

    @Flag(help: "Print one JSON object.")
    var json = false

    func run() throws {
      let list = try control.ask { client throws(ControlError) in try client.tables() }
      if json { printJSON(list) } else { write(TableText.list(list.tables), to: 1) }
    }
  }

  struct ShowTable: ParsableCommand {
    static let configuration = CommandConfiguration(
      commandName: "show",
      abstract: "Print a table's entries.",
      discussion: """
        Fields are as the plugin's author describes them, else bytes in hexadecimal. Times are nanoseconds since the epoch, \
        by the clock of the packets that told them.
        """)

    @OptionGroup var control: ControlOptions

    @Argument(help: "The table, as `netisr table list` names it.")
    var name: String

    @Option(help: "The virtual stack.")
    var vnet: UInt32 = 0

    @Option(help: "Print at most so many entries.")
    var limit: Int = 10_000

    @Flag(help: "Print one JSON object.")
    var json = false

    func validate() throws {
      if limit < 0 { throw ValidationError("--limit: expected 0 or more, found \(limit)") }
    }

    func run() throws {
      let content = try control.ask { client throws(ControlError) in
        try client.table(name, vnet: vnet, limit: limit)
      }
      if json { printJSON(content) } else { write(TableText.content(content), to: 1) }
    }
  }
}
