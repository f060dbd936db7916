import CEngineBench
import Glibc

/// What the engine costs without traffic.
public struct IdleRow: Sendable, Encodable {
  /// For how long, in seconds.
  public var seconds: Double
  /// CPU time of the whole process meanwhile, as a part of one CPU.
  public var cpu: Double
  /// The same with workers that never sleep (net.isr.polling): about as much as there are workers.
  public var polling: Double
}

extension Rig {
  /// The engine's workers run; so do the baseline's, asleep in sem_wait(3).
  func measureIdle(_ plan: BenchPlan) -> IdleRow {
    let (seconds, sleeping) = Self.watch(milliseconds: plan.idleMilliseconds)
    engine.setPolling(true)
    defer { engine.setPolling(false) }
    // What polling costs does not depend on how long it is watched.
    let (_, polling) = Self.watch(milliseconds: min(plan.idleMilliseconds, 1000))
    return IdleRow(seconds: seconds, cpu: sleeping, polling: polling)
  }

  /// Seconds that passed, and the CPU time of the process as a part of them.
  private static func watch(milliseconds: Int) -> (seconds: Double, cpu: Double) {
    let (begin, used) = (bench_now(), cpuTime())
    // usleep(3) takes less than a second.
    for _ in 0..<10 { usleep(UInt32(milliseconds) * 100) }
    let seconds = Double(bench_now() - begin) / 1e9
    return (seconds, (cpuTime() - used) / seconds)
  }

  /// CPU time of the process, in seconds.
  private static func cpuTime() -> Double {
    var time = timespec()
    unsafe clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time)
    return Double(time.tv_sec) + Double(time.tv_nsec) / 1e9
  }
}
