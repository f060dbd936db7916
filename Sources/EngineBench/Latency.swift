import CEngineBench
import Glibc

/// From the call of deferred dispatch to the handler's beginning on the other CPU, at 1,000 packets/s: the worker sleeps
/// between any two.
public struct LatencyRow: Sendable, Encodable {
  /// Quantiles, in ns.
  public struct Quantiles: Sendable, Encodable {
    /// Half of the packets are faster.
    public var p50: Double
    /// 99 of 100 packets are faster.
    public var p99: Double
  }

  /// The engine.
  public var engine: Quantiles
  /// The original's design.
  public var baseline: Quantiles
  /// Packets of each.
  public var packets: Int
}

extension Rig {
  func measureLatency(_ plan: BenchPlan) throws(BenchError) -> LatencyRow {
    let packets = plan.latencyPackets
    return LatencyRow(
      engine: try latency(.engine, packets), baseline: try latency(.baseline, packets), packets: packets)
  }

  private func latency(_ side: Side, _ packets: Int) throws(BenchError) -> LatencyRow.Quantiles {
    var lane = unsafe lane(.deferred, .stamped, .shuffled, side, target: cpuCount - 1)
    var latencies = [UInt64](repeating: 0, count: packets)
    guard unsafe bench_pace(&lane, UInt64(packets), 1_000_000, &latencies) == 0 else {
      throw BenchError("a packet was refused, though no queue can be full")
    }
    var series = Series()
    for latency in latencies { series.add(Double(latency)) }
    return LatencyRow.Quantiles(p50: series.median, p99: series.quantile(0.99))
  }
}

/// What the engine costs without traffic.
public struct IdleRow: Sendable, Encodable {
  /// For how long, in seconds.
  public var seconds: Double
  /// CPU time of the whole process meanwhile, as a part of one CPU.
  public var cpu: Double
}

extension Rig {
  /// The engine's workers run; so do the baseline's, asleep in sem_wait(3).
  func measureIdle(_ plan: BenchPlan) -> IdleRow {
    let (begin, used) = (bench_now(), Self.cpuTime())
    usleep(UInt32(plan.idleMilliseconds) * 1000)
    let seconds = Double(bench_now() - begin) / 1e9
    return IdleRow(seconds: seconds, cpu: (Self.cpuTime() - used) / seconds)
  }

  /// CPU time of the process, in seconds.
  private static func cpuTime() -> Double {
    var time = timespec()
    unsafe clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time)
    return Double(time.tv_sec) + Double(time.tv_nsec) / 1e9
  }
}
