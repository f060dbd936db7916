import CBaseline
import CEngineBench
import Glibc
import NetISR

/// Deferred dispatch of one protocol from two senders, which with its worker are three threads on two CPUs.
public struct TwoSendersRow: Sendable, Encodable {
  /// ns per packet, both senders' together.
  public var engine: Figure
  /// The same with the original's design.
  public var baseline: Figure
  /// How far the CPUs were from each other.
  public var regime: Regime
  /// Samples of each side.
  public var rounds: Int
}

extension Rig {
  func measureTwoSenders(_ plan: BenchPlan) throws(BenchError) -> TwoSendersRow {
    let comparison = try compare(
      rounds: plan.rounds, across: true,
      Side.allCases.map { side in { self.sampleTwoSenders(side, packets: plan.packets) } })
    return TwoSendersRow(
      engine: .init(comparison.sides[1]), baseline: .init(comparison.sides[0]), regime: comparison.regime,
      rounds: comparison.rounds)
  }

  /// ns per packet, or nil when one was refused.
  private func sampleTwoSenders(_ side: Side, packets: Int) -> Double? {
    let half = UInt64(packets / 2)
    return unsafe both { sender, barrier in
      var lane = unsafe self.lane(
        .deferred, .recycle, .shuffled, side, lane: sender, of: 2, target: self.cpuCount - 1)
      let warm = unsafe bench_send(&lane, UInt64(Self.mbufCount / 2)) >= 0
      unsafe pthread_barrier_wait(barrier)
      let begin = bench_now()
      let sent = unsafe warm && bench_send(&lane, half) >= 0
      unsafe pthread_barrier_wait(barrier)
      return sent ? Double(bench_now() - begin) / Double(packets) : nil
    }
  }

  /// Runs `body` on the sender's thread and on a second one, on the last CPU, at once. Returns what the first returned; nil
  /// when one returned nil.
  func both(
    _ body: @escaping @Sendable (Int, UnsafeMutablePointer<pthread_barrier_t>) -> Double?
  ) -> Double? {
    let barrier = UnsafeMutablePointer<pthread_barrier_t>.allocate(capacity: 1)
    unsafe pthread_barrier_init(barrier, nil, 2)
    defer {
      unsafe pthread_barrier_destroy(barrier)
      unsafe barrier.deallocate()
    }
    let second = unsafe Second(barrier)
    let cpu = UInt32(cpuCount - 1)
    let thread = NetISR.Thread(name: "sender/1") { [engine, cpus] in
      _ = NetISR.Thread.bindCurrent(to: [cpus[cpus.count - 1]])
      baseline_set_cpu(cpu)
      engine.withAttachedThread(cpu: cpu) { unsafe second.result = body(1, second.barrier) }
    }
    let first = unsafe body(0, barrier)
    thread.join()
    return second.result == nil ? nil : first
  }

  /// What the second sender is given and gives back: written by it, read when it was joined.
  @safe
  private final class Second: @unchecked Sendable {
    let barrier: UnsafeMutablePointer<pthread_barrier_t>
    var result: Double?

    init(_ barrier: UnsafeMutablePointer<pthread_barrier_t>) { unsafe self.barrier = unsafe barrier }
  }
}
