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

      After `netisr set net.isr.accounting=1` also, per protocol and workstream: packets, batches, a handler's time for a \
      packet, its longest call, and how long packets were queued. --advice says what these figures mean: workstreams that \
      have too much to do, protocols that gain nothing from more workers, queues that are too short; each with what to type.

      EXAMPLES
          netisr stat
          netisr stat --watch
          netisr stat --json | jq .conservation
          netisr stat --advice
      """)

  @OptionGroup var control: ControlOptions

  @Flag(help: "Print one JSON object; with --watch one a second, a line each.")
  var json = false

  @Flag(help: "Print what could be better, and the commands for it, instead of the statistics.")
  var advice = false

  @Flag(help: "Print again each second, until interrupted.")
  var watch = false

  func run() throws {
    // Being interrupted is how this ends.
    if watch { HostSignals.exitOnInterrupt() }
    repeat {
      let statistics = try control.ask { client throws(ControlError) in try client.statistics() }
      if json {
        if advice { printJSON(AdviceReport(statistics)) } else { printJSON(statistics) }
      } else {
        let clear = watch && isatty(STDOUT_FILENO) == 1 ? "\u{1B}[H\u{1B}[2J" : ""
        let text =
          advice ? AdviceText.report(AdviceReport(statistics)) : StatisticsText.all(statistics, interfaces: true)
        write(clear + text + (watch && clear.isEmpty ? "\n" : ""), to: 1)
      }
      if watch { sleep(1) }
    } while watch
  }
}
