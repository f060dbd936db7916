/// Measures the engine beside the original's design.
///
/// The handler does nothing but let go of the packet. The first measure is packets recycled: the sender cycles through
/// 32,768 mbufs, writes what a driver writes (length, flags, interface, flow id), and sends each again only when it was
/// handled; the handler marks it as handled, by a store into it, and counts in a cache line of its own thread. No packet
/// is ever dropped. Beside it stands the same with an mbuf allocated and freed for each packet.
public enum EngineBench {
  /// Runs a plan. Blocks. One at a time in a process, for the original's design has static tables.
  ///
  /// - Parameter progress: called with what is measured next, on another thread.
  public static func run(
    _ plan: BenchPlan, progress: @escaping @Sendable (String) -> Void = { _ in }
  ) throws(BenchError) -> BenchReport {
    var report = BenchReport()
    if plan.subjects != [.scaling] {
      report = try Rig.use(workers: true) { rig throws(BenchError) in
        var report = BenchReport()
        for subject in plan.subjects {
          try rig.measure(subject, plan, &report) { progress(subject.rawValue + $0) }
        }
        return report
      }
    }
    if plan.subjects.contains(.scaling) {
      progress(Subject.scaling.rawValue)
      report.scaling = try Rig.use(workers: false) { rig throws(BenchError) in
        rig.cpuCount > 1 ? try rig.measureScaling(plan) : nil
      }
    }
    return report
  }
}

extension Rig {
  /// Measures one subject with worker threads.
  fileprivate func measure(
    _ subject: Subject, _ plan: BenchPlan, _ report: inout BenchReport, _ progress: (String) -> Void
  ) throws(BenchError) {
    if let form = subject.form {
      for supply in Supply.allCases {
        progress(", \(supply)")
        report.rows.append(try measure(form, supply, plan))
      }
      return
    }
    progress("")
    switch subject {
    case .twoSenders: report.twoSenders = try measureTwoSenders(plan)
    case .memory: report.memory = try measureMemory(plan)
    case .latency: report.latency = try measureLatency(plan)
    case .idle: report.idle = measureIdle(plan)
    default: break  // scaling has a rig of its own
    }
  }
}
