import ArgumentParser
import ControlPlane

struct ExplainCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "explain",
    abstract: "Say which workstream each frame of a capture goes to, and why.",
    discussion: """
      Sends the frames through an engine of its own, with all plugins, one after another, and takes down where the \
      engine puts them for each protocol on their way: by which policy, by which flow or source, and among how many \
      workstreams. At the end: packets by workstream, and the largest flow or source of each protocol, which is never \
      split.

      Handlers are called from queues, unless --dispatch says otherwise: direct dispatch selects no workstream. With \
      --running the engine is set up as that of the running host is now: its plugins, its number of workers, its \
      dispatch policies; its traffic is left alone.

      EXAMPLES
          netisr explain capture.pcap
          netisr explain --frame 17 --threads 8 capture.pcap
          netisr explain --summary --dispatch hybrid a.pcap b.pcapng
          netisr explain --running --json capture.pcap | jq .summary
      """)

  @OptionGroup var engine: EngineOptions

  @Flag(help: "With the running host's plugins, workers and policies, instead of --plugins, --threads and --dispatch.")
  var running = false

  @OptionGroup var control: ControlOptions

  @OptionGroup(title: "Trust") var trust: TrustOptions

  @Option(
    help: ArgumentHelp("Only this frame of each capture, from 1; those before it are sent as well.", valueName: "n"))
  var frame: UInt64?

  @Option(
    help: ArgumentHelp(
      "At most so many frames of each capture. (default: 1000; all with --summary)", valueName: "n"))
  var limit: UInt64?

  @Flag(help: "Only the sums.")
  var summary = false

  @Flag(help: "Print one JSON object.")
  var json = false

  @Argument(help: "Captures.")
  var files: [String]

  func validate() throws {
    if frame == 0 { throw ValidationError("--frame: expected 1 or more, found 0") }
    if limit == 0 { throw ValidationError("--limit: expected 1 or more, found 0") }
    if frame != nil && limit != nil { throw ValidationError("expected --frame or --limit, found both") }
    if frame != nil && summary { throw ValidationError("expected --frame or --summary, found both") }
    if running && (engine.threads != nil || engine.dispatch != nil) {
      throw ValidationError("--running: expected neither --threads nor --dispatch, which are the host's")
    }
  }

  func run() throws {
    var explain = Explain(files: files, plugins: .directory(engine.plugins))
    explain.configuration = try orFail { () throws(ControlError) in
      try engine.configuration(trust, dispatch: .deferred)
    }
    if running {
      let statistics = try control.ask { client throws(ControlError) in try client.statistics() }
      explain.plugins = .running(statistics)
      explain.configuration.threads = statistics.configuration.threads
      if let dispatch = Host.GlobalDispatch(rawValue: statistics.configuration.dispatch) {
        explain.configuration.dispatch = dispatch
      }
    }
    explain.frame = frame
    explain.limit = limit ?? (summary || frame != nil ? nil : 1000)
    explain.listsFrames = !summary
    let outcome = try orFail { () throws(ControlError) in try explain.run(logger: Log.logger(.critical)) }
    if let report = outcome.report {
      if json { printJSON(report) } else { write(ExplainText.report(report), to: 1) }
    }
    if outcome.report?.protocols.isEmpty == true {
      complain("\(engine.plugins): warning: no plugins (*.so) there, so that nobody took a packet")
    }
    for problem in outcome.problems { complain(problem) }
    if !outcome.problems.isEmpty { throw ExitCode.failure }
  }
}
