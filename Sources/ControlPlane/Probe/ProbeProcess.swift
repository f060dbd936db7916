import CNetISRHost
import Glibc
import NetISR
import PluginHost

/// The process in which a plugin is tried out: the other side of `Probe`.
public enum ProbeProcess {
  /// The bytes of the plugin, and the record.
  private static let (image, shared): (Int32, Int32) = (3, 4)

  /// Does what the words of `Probe.start` say, and ends. Throws in a process that was not started for this.
  public static func run(_ words: [String]) throws(ControlError) -> Never {
    guard words.count >= 6, let record = ProbeRecord.open(shared), let plan = plan(words) else {
      throw ControlError(.badRequest, "\(Probe.command): is for netisr's own use: expected a probe's process")
    }
    try PrivilegedThread.dropRights()
    // The sanitizers map more than any limit allows.
    let memory = unsafe dlsym(nil, "__asan_init") == nil && dlsym(nil, "__tsan_init") == nil ? plan.memory : 0
    let error = record.confine(memory: memory, cpu: plan.cpu, time: plan.timeout)
    guard error == 0 else { end(record, "limits: \(unsafe String(cString: strerror(error)))") }
    let course = ProbeCourse(plan, record)
    let obstacle = netisr_host_forbid()
    guard obstacle == 0 else { end(record, "seccomp: \(unsafe String(cString: strerror(obstacle)))") }
    record.end(course.run(bytes(), as: words[5]))
  }

  private static func plan(_ words: [String]) -> ProbePlan? {
    var plan = ProbePlan()
    guard let packets = Int(words[0]), let seed = UInt64(words[1]), let timeout = UInt32(words[2]),
      let cpu = UInt32(words[3]), let memory = UInt64(words[4])
    else { return nil }
    (plan.packets, plan.seed, plan.timeout, plan.cpu, plan.memory) = (packets, seed, timeout, cpu, memory)
    plan.captures = Array(words[6...])
    return plan
  }

  private static func end(_ record: ProbeRecord, _ problem: String) -> Never {
    record.end(ProbeOutcome(problems: ["the probe can't begin: \(problem)"]))
  }

  private static func bytes() -> [UInt8] {
    var status = stat()
    guard unsafe fstat(image, &status) == 0 else { return [] }
    let size = Int(status.st_size)
    return unsafe [UInt8](unsafeUninitializedCapacity: size) { buffer, count in
      // Sealed: it is as long as it was.
      unsafe count = max(0, pread(image, buffer.baseAddress, size, 0))
    }
  }
}
