import Glibc
import Logging
import NetISR
import PluginHost
import TestSupport
import Testing

@testable import ControlPlane

/// A host with everything in it, for long: the eight protocols fed by captures, two more whose packets' order is checked, and
/// one that faults, under random changes. Now and then all traffic ends for a moment, and everything is looked at.
final class Soak {
  private static let threads = 8
  /// Checkpoints before the process's figures are held to what they were.
  private static let warmUp = 3

  private let host: Host
  private let plugins: SoakPlugins
  private let ordered: StressPlugins
  private var random: SeededGenerator
  private var checkpoints = 0
  private var faults = 0
  private var first: ProcessFigures?
  private var received: UInt64 = 0

  init(seed: UInt64, in folder: String) throws {
    random = SeededGenerator(seed: seed)
    plugins = try SoakPlugins(in: folder)
    ordered = try StressPlugins(in: folder)
    var configuration = Host.Configuration()
    configuration.threads = Self.threads
    host = try Host(configuration, logger: Logger(label: "soak") { _ in SwiftLogNoOpLogHandler() })
    for name in Fixtures.protocols { _ = try host.load(Fixtures.plugin(name)) }
    _ = try host.load(plugins.bad(0))
    host.engine.watchdogBound = 300_000_000
  }

  /// Runs for so long, and looks at everything: a line of what was done.
  func run(seconds: Double) throws -> String {
    let all = StressRound.all(seed: random.next()).filter { !$0.isGapless }
    let round = all.randomElement(using: &random)!
    let traffic = OrderedTraffic(round.plan, on: host.engine)
    host.engine.dispatchPolicy = round.dispatch
    var stress = StressChanges(round, engine: host.engine, host: host.plugins, plugins: ordered, traffic: traffic)
    var changes = SoakChanges(round, host: host, plugins: plugins)
    try stress.loadAll()
    try changes.beginTraffic()
    traffic.start(on: host.engine)
    let clock = ContinuousClock()
    let end = clock.now + .seconds(seconds)
    repeat {
      if Bool.random(using: &random) { try stress.change() } else { try changes.change() }
      stress.pause()
    } while clock.now < end
    try changes.endTraffic()
    traffic.stop()
    host.drain()
    faults += changes.faults
    for (name, _) in StressPlugins.protocols { _ = try host.unload(name) }
    let figures = check(traffic.verdict, round)
    let done =
      Change.allCases.compactMap { kind in stress.counts[kind].map { "\(kind) \($0)" } }
      + SoakChanges.Kind.allCases.compactMap { kind in changes.counts[kind].map { "\(kind) \($0)" } }
    return "checkpoint \(checkpoints), \(round): \(traffic.verdict); \(received) received in all, \(faults) faults; "
      + "\(done.joined(separator: ", ")); \(figures)"
  }

  /// Ends the host: nothing is left but the packets with which code faulted.
  func end() {
    let leaked = host.stop()
    #expect(leaked == faults, "\(leaked) mbufs are held at the end, after \(faults) faults")
  }

  private func check(_ verdict: OrderedTraffic.Verdict, _ round: StressRound) -> ProcessFigures {
    #expect(verdict.late == 0 && verdict.overlaps == 0, "\(round): out of order: \(verdict)")
    #expect(verdict.unexplained == 0, "\(round): gaps that are no counted drops: \(verdict)")
    // Workers are woken by the unloading, and by timers: it is the queues that must be empty.
    host.drain()
    let balance = host.engine.conservation()
    #expect(balance.isBalanced && balance.queued == 0, "\(round): \(balance)")
    #expect(balance.received > received, "\(round): nothing came")
    received = balance.received
    let bad = host.pluginList().plugins.filter { $0.name == "bad" }
    // One that is quarantined, and the images that stay for a while.
    #expect(bad.count <= 9, "\(bad.count) generations of bad are mapped")

    let figures = ProcessFigures()
    checkpoints += 1
    if checkpoints == Self.warmUp { first = figures }
    if let first {
      let report = "at checkpoint \(Self.warmUp) \(first), now \(figures)"
      #expect(figures.mappings <= first.mappings + 256, "mappings: \(report)")
      #expect(figures.descriptors <= first.descriptors + 4, "descriptors: \(report)")
      #expect(figures.threads <= first.threads + Self.threads, "threads: \(report)")
      // Whatever leaks, leaks from here.
      #expect(figures.heapKiB <= first.heapKiB + (24 << 10), "heap: \(report)")
      // What is held is touched little by little, and sixteen arenas, of threads that come and go, fill up with holes.
      #expect(CPlugin.sanitizer != nil || figures.residentKiB <= first.residentKiB + (160 << 10), "memory: \(report)")
    }
    return figures
  }
}
