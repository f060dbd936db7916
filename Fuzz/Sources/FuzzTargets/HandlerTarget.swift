import CNetISR
import ControlPlane
import NetISR
import PluginHost

/// A plugin's handler, as it was built: packets one after another, in the form of `PacketScript`.
final class HandlerTarget: FuzzTarget {
  private let trial: Trial
  private let proto: UInt32
  private let faults = Faults()

  private final class Faults {
    var finding: FuzzFinding?
  }

  /// Loads the plugins; packets are for the first.
  init(_ files: [String]) throws {
    trial = Trial { [faults] report in
      faults.finding = FuzzFinding(
        "\(report.plugin ?? "?"): \(report.fault.summary) in \(report.place)\n  \(report.backtrace.joined(separator: "\n  "))"
      )
    }
    var proto: UInt32?
    for file in files {
      let info = try trial.plugins.load(file)
      proto = proto ?? info.proto
    }
    self.proto = proto ?? 0
    trial.noteInterfaces()
    trial.pass(30 * Trial.second)
  }

  deinit { trial.plugins.unloadAll() }

  func feed(_ input: [UInt8]) throws(FuzzFinding) {
    for step in PacketScript.steps(input) {
      trial.pass(step.pause)
      var packet = step.packet
      if step.isMended { PacketChecksums.mend(&packet, of: proto) }
      trial.send(proto, packet, step.manner)
    }
    // What waits for more of it is given up: inputs have as little to do with each other as can be.
    trial.pass(3600 * Trial.second)
    if let finding = faults.finding {
      faults.finding = nil
      throw finding
    }
    let balance = trial.engine.conservation()
    if !balance.isBalanced { throw FuzzFinding("received is not handled + dropped + queued: \(balance)") }
    if held > 4096 {
      // An hour that passes at once is one tick to what counts ticks of a tenth of a second: neighbours are asked for
      // three minutes at most, with sixteen packets that wait for each.
      for _ in 0..<2000 { trial.pass(Trial.second / 10) }
      if held > 256 { throw FuzzFinding("expected few mbufs to be held when nothing is waited for, found \(held)") }
    }
  }

  private var held: Int { trial.engine.mbufStatistics.mbufs.inFlight }
}
