import ArgumentParser
import ControlPlane
import Logging

struct ReplayCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "replay",
    abstract: "Send captures through the plugins, as live traffic would go, and print the statistics.",
    discussion: """
      Starts an engine, loads every plugin of a directory, feeds the captures (pcap or pcapng) in the order given, waits \
      until everything was handled, prints the tables of `netstat -Q` and the plugins' counters, unloads all plugins \
      and looks for leaks. A capture is read at the pace of the engine: no packet is dropped for want of room, unless \
      --drop says so.

      Of a damaged capture, what came before the damage is processed. A plugin in the directory that is refused is an \
      error: without it the result would be another.

      EXAMPLES
          netisr replay capture.pcap
          netisr replay --dispatch deferred --threads 2 --loop 10 capture.pcap
          netisr replay --plugins build --json a.pcap b.pcapng | jq .counters.ip
      """)

  @OptionGroup var engine: EngineOptions

  @Option(help: ArgumentHelp("Read each capture so many times.", valueName: "n"))
  var loop: UInt64 = 1

  @Flag(help: "Do not wait for room: full queues drop packets, as with live traffic.")
  var drop = false

  @Flag(help: "Send Ethernet frames into one end of a pair of interfaces; they come in at the other, through epair.")
  var pair = false

  @Flag(help: "Print one JSON object.")
  var json = false

  @OptionGroup(title: "Trust") var trust: TrustOptions

  @Flag(name: .shortAndLong, help: "Write the host's log to standard error.")
  var verbose = false

  @Argument(help: "Captures.")
  var files: [String]

  func validate() throws {
    if loop == 0 { throw ValidationError("--loop: expected 1 or more, found 0") }
  }

  func run() throws {
    var replay = Replay(files: files, pluginDirectory: engine.plugins)
    replay.passes = loop
    replay.mayDrop = drop
    replay.isPaired = pair
    replay.configuration = try orFail { () throws(ControlError) in try engine.configuration(trust) }
    let bar = json ? nil : ProgressBar()
    if let bar { replay.onProgress = { bar.show($0) } }
    let outcome = try orFail { () throws(ControlError) in
      try replay.run(logger: Log.logger(verbose ? .info : .critical))
    }
    bar?.clear()
    if let report = outcome.report {
      if json { printJSON(report) } else { write(ReplayText.report(report), to: 1) }
    }
    var complaints = outcome.problems
    if let report = outcome.report {
      if report.statistics.plugins.isEmpty {
        complain("\(engine.plugins): warning: no plugins (*.so) there, so that nobody took a packet")
      }
      if report.leaked != 0 {
        let holders = report.leaks.isEmpty ? "" : ": " + report.leaks.map(\.text).joined(separator: ", ")
        complaints.append("\(report.leaked) mbufs leaked: held when all plugins and tables were gone\(holders)")
      }
      if !report.statistics.conservation.balanced { complaints.append("received is not handled + dropped + queued") }
    }
    for complaint in complaints { complain(complaint) }
    if !complaints.isEmpty { throw ExitCode.failure }
  }
}
