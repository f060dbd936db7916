import Histogram
import NetISR

/// What handling one protocol's packets took in one workstream, since accounting was switched on. Times are in nanoseconds.
public struct AccountingSummary: Codable, Sendable {
  /// Packets for which the handler was called.
  public var packets: UInt64
  /// Batches that they came in.
  public var batches: UInt64
  /// Packets of a batch, on average; 0 without any.
  public var averageBatch: Double
  /// What the handler took itself for a packet, on average, without handlers of other protocols that it called at once.
  public var nanosecondsPerPacket: Double
  /// All that it took itself.
  public var nanoseconds: UInt64
  /// Its longest call, with all that it called.
  public var longest: UInt64
  /// Calls of its callouts, and of its function for drained queues.
  public var callbacks: UInt64
  /// What these took themselves.
  public var callbackNanoseconds: UInt64
  /// How long packets were queued; nil when none was.
  public var delay: Delay?

  /// Times between queueing and handler.
  public struct Delay: Codable, Sendable {
    /// Packets that were queued.
    public var packets: UInt64
    /// Half of them waited no longer.
    public var p50: UInt64
    /// 90 of 100 waited no longer.
    public var p90: UInt64
    /// 99 of 100 waited no longer.
    public var p99: UInt64
    /// None waited longer.
    public var max: UInt64
  }

  enum CodingKeys: String, CodingKey {
    case packets, batches, delay, callbacks
    case callbackNanoseconds = "callback_ns"
    case averageBatch = "average_batch"
    case nanosecondsPerPacket = "ns_per_packet"
    case nanoseconds = "ns"
    case longest = "longest_ns"
  }
}

extension AccountingSummary {
  init(_ account: AccountStatistics) {
    packets = account.packets
    batches = account.batches
    averageBatch = Self.ratio(account.packets, account.batches)
    nanosecondsPerPacket = Self.ratio(account.nanoseconds, account.packets)
    nanoseconds = account.nanoseconds
    longest = account.longest
    callbacks = account.callbacks
    callbackNanoseconds = account.callbackNanoseconds
    delay = Delay(account)
  }

  /// To a hundredth, which is more than the clock tells.
  private static func ratio(_ a: UInt64, _ b: UInt64) -> Double {
    b == 0 ? 0 : (Double(a) / Double(b) * 100).rounded() / 100
  }
}

extension AccountingSummary.Delay {
  /// Stamps tell 68 s apart; the histogram takes what is longer as well.
  private static let highest: UInt64 = 1 << 40

  fileprivate init?(_ account: AccountStatistics) {
    guard !account.delays.isEmpty else { return nil }
    var histogram = Histogram<UInt64>(highestTrackableValue: Self.highest, numberOfSignificantValueDigits: .three)
    for (time, count) in account.delays { histogram.record(time, count: count) }
    packets = histogram.totalCount
    // The maximum is exact, and a bucket's middle may lie beyond it.
    let limit = account.longestDelay
    p50 = min(limit, histogram.valueAtPercentile(50))
    p90 = min(limit, histogram.valueAtPercentile(90))
    p99 = min(limit, histogram.valueAtPercentile(99))
    max = limit
  }
}
