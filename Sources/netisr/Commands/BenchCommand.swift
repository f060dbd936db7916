import ArgumentParser
import ControlPlane
import EngineBench
import Glibc

extension Subject: ExpressibleByArgument {}

struct BenchCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "bench",
    abstract: "Measure the engine on this machine, beside the original's design.",
    discussion: """
      A handler that lets go of each packet at once, one sender, one worker on another CPU, 32,768 mbufs that go round, \
      FLOW policy, no drops. The peer is a C engine built as the kernel's is: a mutex and a linked list per queue. The two \
      take turns; samples during which the CPUs moved nearer or farther apart are thrown away. The machine should have \
      nothing else to do.

      In the JSON object, direct, hybrid, deferred and deferred_batch are the medians with mbufs in shuffled address order; \
      rows has all.

      EXAMPLES
          netisr bench
          netisr bench --quick deferred deferred_batch
          netisr bench --rounds 25 scaling latency
          netisr bench --json | jq .deferred.ns_per_packet
      """)

  @Flag(help: "Print one JSON object.")
  var json = false

  @Flag(help: "Fewer packets and 5 rounds: a look, no figures to rely on.")
  var quick = false

  @Option(help: ArgumentHelp("Samples of each side, 1 to 999. (default: 9, or 5 with --quick)", valueName: "n"))
  var rounds: Int?

  @Argument(help: ArgumentHelp("What to measure. (default: all)", valueName: "name"))
  var names: [Subject] = []

  func validate() throws {
    if let rounds, !(1...999).contains(rounds) {
      throw ValidationError("--rounds: expected 1 to 999, found \(rounds)")
    }
  }

  func run() throws {
    var plan = quick ? BenchPlan.quick : BenchPlan()
    if let rounds { plan.rounds = rounds }
    if !names.isEmpty { plan.subjects = Subject.allCases.filter(names.contains) }
    let isWatched = isatty(STDERR_FILENO) == 1
    let report: BenchReport
    do throws(BenchError) {
      report = try EngineBench.run(plan) { if isWatched { write("\r\u{1B}[K\($0)", to: STDERR_FILENO) } }
    } catch {
      complain(error.description)
      throw ExitCode.failure
    }
    if isWatched { write("\r\u{1B}[K", to: STDERR_FILENO) }
    if json { printJSON(report) } else { write(BenchText.report(report), to: STDOUT_FILENO) }
  }
}
