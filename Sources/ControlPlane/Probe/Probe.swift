import CNetISRHost
import Glibc
import NetISR
import PacketIO
import PluginHost
import PluginInspector

/// Tries a plugin out in a process of its own, before it is let into this one: that is loaded, fed with packets, told that
/// time passes, and unloaded there, by a process that can do little else (confine.h). What ends that process, or faults
/// in it, is why the plugin is refused.
///
/// The process is this program again, told so by its arguments. It gets the bytes in a sealed memory file: those that
/// were read once, so that what was tried out is what is loaded.
public struct Probe: Sendable {
  /// What is done.
  public var plan = ProbePlan()
  /// The program; it has to have the command that `ProbeProcess` is the end of.
  public var program = "/proc/self/exe"
  /// Beside the words of the plan: which command that is.
  public static let command = "probe-process"

  /// One that does what the plan says.
  public init(_ plan: ProbePlan = ProbePlan()) { self.plan = plan }

  /// Reads a file, and tries it out, if a policy has it: of what is not to be loaded, no code is run. Throws when the file
  /// can't be read, or no process be made. [control]
  public func run(_ path: String, policy: InspectionPolicy = InspectionPolicy()) throws(ControlError) -> ProbeReport {
    var bytes: [UInt8] = []
    let inspection: InspectionReport
    do throws(Inspector.ReadError) {
      inspection = try unsafe Inspector(policy: policy).inspect(path: path) { unsafe bytes = Array($0) }
    } catch {
      throw ControlError(.failed, error.description)
    }
    guard inspection.verdict == .accepted else {
      // Under a strict policy, notes refuse too.
      let reasons = inspection.problems + (policy.isStrict ? inspection.notes : [])
      return ProbeReport(
        file: path, sha256: inspection.sha256, verdict: .refused,
        reasons: reasons.map { "\($0.check.rawValue): \($0.message)" }, name: inspection.name,
        proto: inspection.abi?.proto, packets: 0, leaked: nil, seed: plan.seed, elapsed: 0, fault: nil)
    }
    return try run(bytes, as: path)
  }

  /// Tries bytes out that somebody has inspected. [control]
  func run(_ bytes: [UInt8], as path: String) throws(ControlError) -> ProbeReport {
    for capture in plan.captures {
      // What can't be read is no fault of the plugin's.
      do throws(CaptureError) { _ = try CaptureReader(path: capture) } catch {
        throw ControlError(.failed, error.description)
      }
    }
    let image: Int32
    do throws(PluginError) {
      image = try SealedBytes.file(of: bytes, name: "netisr:probe")
    } catch {
      throw ControlError(.failed, "\(path): \(error)")
    }
    defer { close(image) }
    let (record, descriptor) = try ProbeRecord.make()
    defer { close(descriptor) }

    let begin = SteadyClock.now
    let process = try start(path, image, descriptor)
    let status = wait(for: process, until: begin + UInt64(plan.timeout + 2) * 1_000_000_000)
    let outcome = record.outcome
    var reasons = outcome?.problems ?? []
    if outcome == nil {
      reasons = [(record.ending ?? Self.text(of: status)) + ", " + record.phase.text(record.packets)]
    }
    return ProbeReport(
      file: path, sha256: SHA256.hexDigest(of: bytes), verdict: reasons.isEmpty ? .accepted : .refused,
      reasons: reasons,
      name: outcome?.name, proto: outcome?.proto, packets: record.packets, leaked: outcome?.leaked, seed: plan.seed,
      elapsed: SteadyClock.now - begin, fault: outcome?.fault)
  }

  private func start(_ path: String, _ image: Int32, _ record: Int32) throws(ControlError) -> pid_t {
    let numbers = "\(plan.packets) \(plan.seed) \(plan.timeout) \(plan.cpu) \(plan.memory)"
    let words = ["netisr", Self.command] + numbers.split(separator: " ").map(String.init) + [path] + plan.captures
    var arguments: [UnsafeMutablePointer<CChar>?] = unsafe words.map { unsafe strdup($0) } + [nil]
    defer { for index in unsafe arguments.indices { unsafe free(arguments[index]) } }
    let process = unsafe netisr_host_start_confined(program, &arguments, image, record)
    guard process > 0 else {
      throw ControlError(.failed, unsafe "probe: \(program): \(String(cString: strerror(-process)))")
    }
    return process
  }

  /// What waitpid(2) says of the process when it is gone, which it is made to be after a while: it should have seen to that
  /// itself.
  private func wait(for process: pid_t, until deadline: UInt64) -> Int32 {
    var status: Int32 = 0
    var isOver = false
    while true {
      let answer = unsafe waitpid(process, &status, isOver ? 0 : WNOHANG)
      if answer == process || (answer < 0 && errno != EINTR) { return status }
      if !isOver && SteadyClock.now > deadline {
        kill(process, SIGKILL)
        isOver = true
      }
      usleep(1000)
    }
  }

  /// Of a process that did not write down how it ends.
  private static func text(of status: Int32) -> String {
    let signal = status & 0x7f
    if signal == 0 { return "the process ended with status \(status >> 8 & 0xff)" }
    // Who blocks SIGSYS is not asked where he is.
    if signal == SIGSYS { return "called what no handler needs, with its signals blocked" }
    return "the process was killed by \(ProbeRecord.name(ofSignal: signal))"
  }
}
