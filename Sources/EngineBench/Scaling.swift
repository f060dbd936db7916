import CBaseline
import CEngineBench
import Glibc
import NetISR

/// Run to completion with hybrid dispatch: each sender is its workstream's worker too. Two senders on two CPUs, half of
/// whose packets belong to the other's workstream, against one whose packets are all its own.
public struct ScalingRow: Sendable, Encodable {
  /// What the handler takes, in ns.
  public var handlerTime: Int
  /// ns per packet with one sender, then with two.
  public var engine: [Figure]
  /// The same with the original's design.
  public var baseline: [Figure]
  /// How far the CPUs were from each other.
  public var regime: Regime
  /// The round trip of a cache line between them, in ns.
  public var roundTrip: Double?
  /// Samples of each that counted, at least.
  public var rounds: Int

  /// How many times as many packets two handle, by the medians.
  public var engineSpeedup: Double { engine[0].median / engine[1].median }
  /// The same with the original's design.
  public var baselineSpeedup: Double { baseline[0].median / baseline[1].median }

  enum CodingKeys: String, CodingKey {
    case engine, baseline, regime, rounds
    case roundTrip = "round_trip_ns"
    case handlerTime = "handler_ns"
    case engineSpeedup = "engine_speedup"
    case baselineSpeedup = "baseline_speedup"
  }

  /// With the speedups.
  public func encode(to encoder: any Encoder) throws {
    var container = encoder.container(keyedBy: CodingKeys.self)
    try container.encode(handlerTime, forKey: .handlerTime)
    try container.encode(engine, forKey: .engine)
    try container.encode(baseline, forKey: .baseline)
    try container.encode(engineSpeedup, forKey: .engineSpeedup)
    try container.encode(baselineSpeedup, forKey: .baselineSpeedup)
    try container.encode(regime, forKey: .regime)
    try container.encodeIfPresent(roundTrip, forKey: .roundTrip)
    try container.encode(rounds, forKey: .rounds)
  }
}

extension Rig {
  /// On a rig without worker threads, of a machine with two CPUs.
  func measureScaling(_ plan: BenchPlan) throws(BenchError) -> [ScalingRow] {
    let turn = bench_busy_turn()
    var rows: [ScalingRow] = []
    for time in [0, 20, 100, 400] {
      bench_set_busy(UInt64(Double(time) / turn))
      let packets = time > 100 ? plan.packets / 4 : plan.packets
      let comparison = try compare(
        rounds: plan.rounds, across: true,
        Side.allCases.flatMap { side in
          [{ self.sampleOne(side, packets: packets) }, { self.sampleTwo(side, packets: packets) }]
        })
      let figures = comparison.sides.map(Figure.init)
      rows.append(
        ScalingRow(
          handlerTime: time, engine: Array(figures[2...]), baseline: Array(figures[..<2]), regime: comparison.regime,
          roundTrip: comparison.roundTrip, rounds: comparison.rounds))
    }
    return rows
  }

  private func sampleOne(_ side: Side, packets: Int) -> Double? {
    var lane = unsafe lane(.hybrid, .busy, .shuffled, side, target: 0)
    func send(_ packets: Int) -> Bool {
      var done: UInt32 = 0
      return unsafe bench_complete(&lane, nil, UInt64(packets), Self.runner(side), 0, &done, 1) == 0
    }
    guard send(Self.mbufCount) else { return nil }
    let begin = bench_now()
    return send(packets) ? Double(bench_now() - begin) / Double(packets) : nil
  }

  private func sampleTwo(_ side: Side, packets: Int) -> Double? {
    let (warm, timed) = (Done(), Done())
    return unsafe both { sender, barrier in
      var own = unsafe self.lane(.hybrid, .busy, .shuffled, side, lane: 2 * sender, of: 4, target: sender)
      var other = unsafe self.lane(.hybrid, .busy, .shuffled, side, lane: 2 * sender + 1, of: 4, target: 1 - sender)
      func send(_ packets: Int, _ done: Done) -> Bool {
        unsafe bench_complete(
          &own, &other, UInt64(packets / 2), Self.runner(side), UInt32(sender), done.senders, 2) == 0
      }
      let isWarm = send(Self.mbufCount, warm)
      unsafe pthread_barrier_wait(barrier)
      let begin = bench_now()
      let sent = isWarm && send(packets, timed)
      unsafe pthread_barrier_wait(barrier)
      return sent ? Double(bench_now() - begin) / Double(packets) : nil
    }
  }

  private static func runner(_ side: Side) -> @convention(c) (UInt32) -> Int32 {
    switch side {
    case .baseline: baseline_run
    case .engine: { _ in Engine.current?.engine.pollWorker() == true ? 1 : 0 }
    }
  }

  /// How many senders are done; C adds to it atomically.
  @safe
  private final class Done: @unchecked Sendable {
    let senders: UnsafeMutablePointer<UInt32>

    init() {
      unsafe senders = .allocate(capacity: 1)
      unsafe senders.initialize(to: 0)
    }

    deinit { unsafe senders.deallocate() }
  }
}
