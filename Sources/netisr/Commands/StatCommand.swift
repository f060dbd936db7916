import ArgumentParser
import ControlPlane
import Glibc

struct StatCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "stat",
    abstract: "Print the running host's statistics.",
    discussion: """
      The tables of `netstat -Q`, the interfaces, the plugins' counters, the packet memory (allocated = free + in flight), \
      and the balance: received = handled + dropped + queued.

      EXAMPLES
          netisr stat
          netisr stat --watch
          netisr stat --json | jq .conservation
      """)

  @OptionGroup var control: ControlOptions

  @Flag(help: "Print one JSON object; with --watch one a second, a line each.")
  var json = false

  @Flag(help: "Print again each second, until interrupted.")
  var watch = false

  func run() throws {
    // Being interrupted is how this ends.
    if watch { EndSignals.exitOnInterrupt() }
    repeat {
      let statistics = try control.ask { client throws(ControlError) in try client.statistics() }
      if json {
        printJSON(statistics)
      } else {
        let clear = watch && isatty(STDOUT_FILENO) == 1 ? "\u{1B}[H\u{1B}[2J" : ""
        write(clear + StatisticsText.all(statistics, interfaces: true) + (watch && clear.isEmpty ? "\n" : ""), to: 1)
      }
      if watch { sleep(1) }
    } while watch
  }
}
