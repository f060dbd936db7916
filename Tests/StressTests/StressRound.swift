import CNetISR
import Glibc
import Logging
import NetISR
import PluginHost
import Testing
import TestSupport

/// One engine under changes for a while: eight senders, two protocols of one policy as plugins.
struct StressRound {
  private static let senders = 8
  private static let window = 16

  let policy: Policy
  /// The global dispatch policy at the beginning, to which changes come back.
  let dispatch: Dispatch
  /// Only changes that lose nothing: then there must be no gap at all. Otherwise also those that drop packets.
  let isGapless: Bool
  let seed: UInt64

  /// CPUs: several senders on each, or every sender on one of its own, where it becomes the preferred one.
  var cpus: Int { [2, 4, 8][Int((seed >> 1) % 3)] }

  /// Whether nothing is ever dispatched directly. Then no two handlers run at once for one flow, whoever sends it.
  var isSerial: Bool { dispatch != .direct && seed & 1 == 0 }

  /// The dispatch policies that changes choose from.
  var dispatches: [Dispatch] { Dispatch.allCases.filter { !isSerial || $0 != .direct } }

  /// Packets under way at most.
  var inFlight: Int { Self.senders * Self.window }

  /// All combinations, each with and without losses.
  static func all(seed: UInt64) -> [StressRound] {
    var random = SeededGenerator(seed: seed)
    return [true, false].flatMap { isGapless in
      [Policy.source, .flow, .cpu].flatMap { policy in
        [Dispatch.direct, .hybrid, .deferred].map { dispatch in
          StressRound(policy: policy, dispatch: dispatch, isGapless: isGapless, seed: random.next())
        }
      }
    }
  }

  /// What is sent.
  var plan: OrderedTraffic.Plan {
    var plan = OrderedTraffic.Plan(policy: policy, senders: Self.senders, cpus: cpus)
    plan.window = Self.window
    plan.relay = StressPlugins.protocols[1].proto
    plan.isVaried = true
    plan.sharesFlows = isSerial
    plan.seed = seed
    return plan
  }

  /// Runs it, expects that nothing is wrong, and says in a line what was done.
  func run(seconds: Double, _ plugins: StressPlugins) throws -> String {
    let engine = Engine(Engine.Configuration(cpuCount: cpus, dispatch: dispatch))
    let host = PluginHost(engine: engine, logger: Logger(label: "stress") { _ in SwiftLogNoOpLogHandler() })
    let traffic = OrderedTraffic(plan, on: engine)
    var changes = StressChanges(self, engine: engine, host: host, plugins: plugins, traffic: traffic)
    try changes.loadAll()
    engine.startWorkers()
    traffic.start(on: engine)
    let clock = ContinuousClock()
    let end = clock.now + .seconds(seconds)
    repeat {
      try changes.change()
      changes.pause()
    } while clock.now < end
    traffic.stop()
    engine.stopWorkers()
    let verdict = traffic.verdict
    check(verdict, engine)
    host.unloadAll()
    let kinds = Change.allCases.compactMap { kind in changes.counts[kind].map { "\(kind) \($0)" } }
    return "\(self): \(verdict); \(kinds.joined(separator: ", "))"
  }

  private func check(_ verdict: OrderedTraffic.Verdict, _ engine: Engine) {
    let balance = engine.conservation()
    let dropped = balance.dropped.reduce(0) { $0 + $1.count }
    #expect(verdict.late == 0 && verdict.overlaps == 0, "\(self): out of order: \(verdict)")
    #expect(verdict.unexplained == 0, "\(self): gaps that are no counted drops: \(verdict)")
    #expect(balance.isBalanced && balance.queued == 0 && engine.isDrained, "\(self): \(balance)")
    #expect(balance.received == verdict.sent + verdict.relayed, "\(self): \(balance), \(verdict)")
    #expect(balance.handled == verdict.handled && dropped == verdict.dropped, "\(self): \(balance), \(verdict)")
    #expect(!isGapless || dropped == 0, "\(self): \(balance)")
    #expect(engine.mbufStatistics.mbufs.inFlight == 0, "\(self): \(engine.mbufStatistics)")
    // Where plugins come and go, those that hand on may have been away all the time.
    #expect(verdict.sent > 0 && (!isGapless || verdict.relayed > 0), "\(self): nothing was sent")
  }
}

extension StressRound: CustomStringConvertible {
  var description: String {
    "\(policy.name) \(dispatch.name) \(isGapless ? "gapless" : "dropping")\(isSerial ? " serial" : "") \(cpus) cpus seed \(seed)"
  }
}
