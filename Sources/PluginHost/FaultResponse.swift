import Glibc
import NetISR
import PluginInspector

/// What is done about a plugin whose code has faulted (`net.isr.onfault`). In each case it is quarantined first: no packet
/// reaches that code any more.
public enum FaultResponse: String, CaseIterable, Sendable {
  /// It stays so, until somebody replaces it.
  case quarantine
  /// The generation that served before it is put in its place, if there is one that never faulted.
  case rollback
  /// The same code is loaded anew, after a while that doubles with each time, a limited number of times.
  case restart
}

/// Bytes that were accepted, and what was found in them: enough to load them again, whatever has become of their file.
struct PluginBuild {
  let path: String
  var bytes: [UInt8]
  let report: InspectionReport
}

/// What a host remembers of the faults of one plugin's name.
struct FaultHistory {
  /// Faults of all its generations.
  var count = 0
  /// Times that the same code was loaded anew, since it last served for `calm`.
  var restarts = 0
  /// What served before the present generation; nil once it was gone back to.
  var predecessor: PluginBuild?

  /// A generation that has served so long, in nanoseconds, is taken for one that works.
  static let calm: UInt64 = 600_000_000_000

  /// The time now, in nanoseconds of a steady clock.
  static var now: UInt64 {
    var time = timespec()
    unsafe clock_gettime(CLOCK_MONOTONIC, &time)
    return UInt64(time.tv_sec) * 1_000_000_000 + UInt64(time.tv_nsec)
  }
}

extension PluginHost {
  /// What is done about faults from now on. [any thread]
  public var faultResponse: FaultResponse {
    get { state.withLock { faultPolicy.response } }
    set { state.withLock { faultPolicy.response = newValue } }
  }

  /// How often the same code is loaded anew, before it stays quarantined. [any thread]
  public var restartLimit: Int {
    get { state.withLock { faultPolicy.restartLimit } }
    set { state.withLock { faultPolicy.restartLimit = newValue } }
  }

  /// Does what the policy says about a generation that has just been quarantined, on a thread of its own: the caller is in
  /// the middle of a packet.
  func respond(to generation: Generation) {
    let (policy, restarts) = state.withLock { () -> (FaultPolicy, Int) in
      // Of one that is out of service already, nobody misses anything.
      guard serving[generation.identity.name] === generation else { return (FaultPolicy(), 0) }
      let isCalm = FaultHistory.now - generation.since > FaultHistory.calm
      if isCalm { histories[generation.identity.name]?.restarts = 0 }
      return (faultPolicy, histories[generation.identity.name]?.restarts ?? 0)
    }
    switch policy.response {
    case .quarantine: return
    case .rollback:
      Thread(name: "netisr-rollback") { [weak self] in self?.rollBack(generation) }.detach()
    case .restart:
      guard restarts < policy.restartLimit else {
        return logger.error(
          "\(generation.identity.name): was restarted \(restarts) times, and stays quarantined (net.isr.faultrestarts)")
      }
      let delay = policy.restartDelay << UInt64(min(restarts, 10))
      Thread(name: "netisr-restart") { [weak self] in
        usleep(UInt32(min(delay / 1000, 60_000_000)))
        self?.restart(generation)
      }.detach()
    }
  }

  private func rollBack(_ faulty: Generation) {
    let name = faulty.identity.name
    let predecessor = state.withLock { () -> PluginBuild? in
      defer { histories[name]?.predecessor = nil }
      return histories[name]?.predecessor
    }
    guard let predecessor else {
      return logger.error(
        "\(name): there is no generation to go back to: generation \(faulty.number) stays quarantined")
    }
    recover(faulty, by: predecessor, "in the place of generation \(faulty.number), which faulted: rolled back")
  }

  private func restart(_ faulty: Generation) {
    let count = state.withLock { () -> Int in
      histories[faulty.identity.name, default: FaultHistory()].restarts += 1
      return histories[faulty.identity.name]?.restarts ?? 0
    }
    recover(
      faulty, by: state.withLock { faulty.build }, "restart \(count) after a fault of generation \(faulty.number)")
  }

  /// Puts a build in the place of a faulty generation, unless somebody was quicker.
  private func recover(_ faulty: Generation, by build: PluginBuild, _ reason: String) {
    operations.withLock {
      guard state.withLock({ serving[faulty.identity.name] === faulty }) else { return }
      do throws(PluginError) {
        let new = try exchange(faulty, for: build)
        logger.notice("\(faulty.identity.name): generation \(new.number) serves, \(reason)")
      } catch {
        logger.error("\(faulty.identity.name): stays quarantined: \(error)")
      }
    }
  }

  /// Why bytes are not taken without somebody's word: their code has faulted here. nil: it has not.
  func distrust(_ sha256: String) -> String? { state.withLock { faulted[sha256] } }
}

/// The policy's settings.
struct FaultPolicy {
  var response = FaultResponse.quarantine
  var restartLimit = 3
  /// Before the first restart, in nanoseconds.
  var restartDelay: UInt64 = 1_000_000_000
}
