import CBaseline
import CEngineBench
import CNetISR
import NetISR
import Testing

@testable import EngineBench

/// The closed loop: what it counts must be what was handled. One at a time, and not beside the baseline's own tests.
extension BaselineTests {
  /// A packet that is refused ends the loop; going on would measure drops.
  @Test func aRefusedPacketEndsTheLoop() {
    engine.withAttachedThread {
      #expect(baseline_reset(1) == 0)
      var handler = netisr_handler()
      handler.nh_handler = bench_free
      handler.nh_proto = 11
      handler.nh_qlimit = 100
      handler.nh_policy = UInt32(NETISR_POLICY_FLOW)
      handler.nh_dispatch = UInt32(NETISR_DISPATCH_DEFERRED)
      #expect(baseline_register(&handler) == 0)
      var lane = bench_lane()
      lane.count = 512
      lane.proto = 11
      lane.single = baseline_dispatch_src
      bench_lane_begin(&lane)
      #expect(bench_send(&lane, 512) == -1)
      #expect(baseline_run(0) == 1)
      #expect(bench_handled(0) - lane.base == 100)
      #expect(engine.mbufStatistics.mbufs.inFlight == 0)
    }
  }

  /// Every packet that a sample says was handled was, by both sides, on the worker.
  @Test func bothSidesHandleWhatTheSampleCounts() throws {
    let counts = try Rig.use(workers: true) { rig throws(BenchError) in
      Side.allCases.map { side -> UInt64 in
        let before = bench_handled(0)
        guard rig.sample(.deferred, .shuffled, side, packets: 2048) ?? -1 > 0 else { return 0 }
        return bench_handled(0) - before
      }
    }
    #expect(counts == [UInt64(Rig.mbufCount) + 2048, UInt64(Rig.mbufCount) + 2048])
  }
}

@Suite struct SeriesTests {
  @Test func quantiles() {
    var series = Series()
    for sample in [5.0, 1, 4, 2, 3] { series.add(sample) }
    #expect(series.median == 3 && series.best == 1)
    #expect(series.quantile(0) == 1 && series.quantile(1) == 5 && series.quantile(0.625) == 3.5)
  }

  @Test func budgetsDependOnTheRegime() {
    #expect(Budget(.deferred, .shuffled, .near)?.ofBest == 0.65)
    #expect(Budget(.deferred, .shuffled, .far)?.ofMedian == 0.22)
    #expect(Budget(.deferred, .allocated, .near) == nil)
    #expect(Budget(.direct, .sequential, .local)?.ofMedian == 1)
  }
}
