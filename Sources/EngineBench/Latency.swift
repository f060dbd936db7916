import CEngineBench
import Glibc

/// From the call of deferred dispatch to the handler's beginning on the other CPU, at 1,000 packets/s: a worker that sleeps
/// does so between any two.
public struct LatencyRow: Sendable, Encodable {
  /// Quantiles, in ns.
  public struct Quantiles: Sendable, Encodable {
    /// Half of the packets are faster.
    public var p50: Double
    /// 99 of 100 packets are faster.
    public var p99: Double
    /// The slowest packet.
    public var max: Double
  }

  /// The engine, whose workers sleep.
  public var engine: Quantiles
  /// The engine with workers that never sleep (net.isr.polling).
  public var polling: Quantiles
  /// The original's design, whose workers sleep.
  public var baseline: Quantiles
  /// Packets of each.
  public var packets: Int
}

extension Rig {
  func measureLatency(_ plan: BenchPlan) throws(BenchError) -> LatencyRow {
    let packets = plan.latencyPackets
    let baseline = try latency(.baseline, packets)
    let sleeping = try latency(.engine, packets)
    // The other worker polls too, on the sender's CPU: the sender, which sleeps most of the time, goes before it.
    engine.setPolling(true)
    defer { engine.setPolling(false) }
    return LatencyRow(
      engine: sleeping, polling: try latency(.engine, packets), baseline: baseline, packets: packets)
  }

  private func latency(_ side: Side, _ packets: Int) throws(BenchError) -> LatencyRow.Quantiles {
    var lane = unsafe lane(.deferred, .stamped, .shuffled, side, target: cpuCount - 1)
    var latencies = [UInt64](repeating: 0, count: packets)
    guard unsafe bench_pace(&lane, UInt64(packets), 1_000_000, &latencies) == 0 else {
      throw BenchError("a packet was refused, though no queue can be full")
    }
    var series = Series()
    for latency in latencies { series.add(Double(latency)) }
    return LatencyRow.Quantiles(p50: series.median, p99: series.quantile(0.99), max: series.quantile(1))
  }
}
