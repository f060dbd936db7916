import ArgumentParser
import ControlPlane

struct ProbeCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "probe",
    abstract: "Try a plugin out in a process of its own.",
    discussion: """
      The file is loaded, fed with packets, told that time passes, and unloaded, in a process that can read files and use \
      memory, and nothing else: no sockets, no processes, no files for writing. What faults there, hangs, ends the \
      process, or calls what it may not, is refused, with the place and the packet at which it happened.

      Packets are made: good ones for the plugin's protocol, whole and in pieces, each cut short at every byte, and then such \
      as are changed at random, the same ones for the same seed. With captures, theirs are sent instead, also those \
      that are wrapped in packets of other protocols.

      First it is inspected, as `netisr inspect` does it: of what is not to be loaded, no code is run.

      EXAMPLES
          netisr probe build/mine.so
          netisr probe --keys /etc/netisr/keys --require-signatures build/mine.so
          netisr probe --packets 1000000 --seed 7 build/mine.so
          netisr probe --json build/mine.so capture.pcap | jq .reasons
      """)

  @Option(help: ArgumentHelp("So many packets are made.", valueName: "n"))
  var packets = 10_000

  @Option(help: ArgumentHelp("Of the made packets.", valueName: "n"))
  var seed: UInt64 = 1

  @Option(help: ArgumentHelp("Give up after so many seconds.", valueName: "seconds"))
  var timeout: UInt32 = 30

  @Flag(help: "Print one JSON object.")
  var json = false

  @OptionGroup(title: "Trust") var trust: TrustOptions

  @Argument(help: "A shared object.")
  var file: String

  @Argument(help: "Captures.")
  var captures: [String] = []

  func validate() throws {
    if !(1...1_000_000_000).contains(packets) {
      throw ValidationError("--packets: expected 1 to 1000000000, found \(packets)")
    }
    if !(1...86_400).contains(timeout) { throw ValidationError("--timeout: expected 1 to 86400, found \(timeout)") }
  }

  func run() throws {
    var plan = ProbePlan()
    plan.packets = packets
    plan.seed = seed
    plan.timeout = timeout
    plan.cpu = max(plan.cpu, timeout)
    plan.captures = captures
    let report = try orFail { () throws(ControlError) in
      try Probe(plan).run(file, policy: trust.configuration.inspectionPolicy())
    }
    if json { printJSON(report) } else { write(ProbeText.report(report), to: 1) }
    guard report.verdict == .accepted else {
      complain("\(file): refused: \(report.reasons.joined(separator: "; "))")
      throw ExitCode.failure
    }
  }
}

/// The process that `Probe` starts.
struct ProbeProcessCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: Probe.command, abstract: "Is for netisr's own use.", shouldDisplay: false)

  @Argument(parsing: .allUnrecognized)
  var words: [String] = []

  func run() throws {
    try orFail { () throws(ControlError) in try ProbeProcess.run(words) }
  }
}
