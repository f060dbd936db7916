import CNetISR
import NetISR
import PacketIO
import PluginHost

/// What a plugin goes through when it is tried out: it is loaded, gets packets by interfaces of each kind, time passes, it is
/// unloaded. What faults is quarantined, as it would be in a host, and that is the end of it.
final class ProbeCourse {
  private let plan: ProbePlan
  private let record: ProbeRecord
  private let trial: Trial
  private let findings = Findings()
  private var proto: UInt32 = 0

  private final class Findings {
    var fault: FaultSummary?
  }

  init(_ plan: ProbePlan, _ record: ProbeRecord) {
    self.plan = plan
    self.record = record
    trial = Trial { [findings] report in
      if findings.fault == nil { findings.fault = FaultSummary(report, number: 1) }
    }
    // A quarter of what a host gives a call: packets come one by one here.
    trial.engine.watchdogBound = 250_000_000
    do throws(EngineError) {
      try trial.engine.startWatchdog()
    } catch {
      // The CPU time of the process is limited all the same.
    }
  }

  /// Goes through it. All threads that are there before it are the host's.
  func run(_ bytes: [UInt8], as path: String) -> ProbeOutcome {
    var outcome = ProbeOutcome()
    let threads = ProcessThreads.count
    record.enter(.loading)
    do throws(PluginError) {
      let info = try trial.plugins.load(path, bytes: bytes)
      (outcome.name, outcome.proto, proto) = (info.name, info.proto, info.proto ?? 0)
    } catch {
      outcome.problems = error.problems
      return outcome
    }
    do throws(ControlError) {
      try feed()
    } catch {
      outcome.problems.append(error.description)
    }
    if findings.fault == nil, let left = ProcessThreads.left(beyond: threads) {
      // Its code would go: that is no fault of the unloading.
      outcome.problems.append("left \(left) thread\(left == 1 ? "" : "s") running that it had begun")
    } else {
      unload(&outcome)
    }
    if let fault = findings.fault {
      outcome.fault = fault
      outcome.problems.append("\(fault.summary) in \(fault.place), \(phase.text(record.packets))")
    }
    return outcome
  }

  /// In which the fault came to pass.
  private var phase = ProbePhase.loading

  private func enter(_ next: ProbePhase) {
    guard findings.fault == nil else { return }
    phase = next
    record.enter(next)
  }

  private func feed() throws(ControlError) {
    enter(.waiting)
    trial.noteInterfaces()
    trial.pass(30 * Trial.second)
    if plan.captures.isEmpty {
      sendMade()
    } else {
      for capture in plan.captures {
        try ProbeCapture.forEachPacket(of: capture, proto) { packet in
          send(packet)
          return findings.fault == nil
        }
      }
      if record.packets == 0 { throw ControlError(.failed, "the captures have no packet for protocol \(proto)") }
    }
    enter(.waiting)
    if findings.fault == nil { trial.pass(3600 * Trial.second) }
  }

  /// Good ones, whole and in pieces, by each interface; cut short at every byte; and changed at random, while time passes.
  private func sendMade() {
    let good = MadePackets.packets(for: proto)
    var random = PacketMutator(seed: plan.seed)
    var manner = Trial.Manner()
    for interface in 0..<4 {
      for piece in [0, 1, 20] {
        (manner.interface, manner.piece) = (interface, piece)
        for packet in good { send(packet, manner) }
      }
    }
    for packet in good {
      for length in 0..<min(packet.count, 96) { send(Array(packet.prefix(length)), random.manner()) }
    }
    while record.packets < UInt64(plan.packets), findings.fault == nil {
      send(random.mutate(good[random.below(good.count)], of: proto), random.manner())
      if random.below(16) == 0 { trial.pass(UInt64(random.below(120)) * Trial.second) }
    }
  }

  private func send(_ packet: [UInt8], _ manner: Trial.Manner = Trial.Manner()) {
    guard findings.fault == nil, record.packets < UInt64(plan.packets) || !plan.captures.isEmpty else { return }
    record.countPacket()
    enter(.handling)
    trial.send(proto, packet, manner)
  }

  private func unload(_ outcome: inout ProbeOutcome) {
    enter(.unloading)
    guard let name = outcome.name else { return }
    trial.plugins.unloadAll()
    let engine = trial.engine
    let retired = engine.purgeState(owner: name)
    engine.waitForHandlers()
    engine.releaseState(retired)
    // Of what faulted, the packet in flight is lost.
    if findings.fault == nil { outcome.leaked = Int(engine.mbufStatistics.mbufs.inFlight) }
  }
}
