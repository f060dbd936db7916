/// A time together with the clock that told it. A capture brings its own clock: only times of one clock can be
/// compared, and whether two are of one clock has to be asked each time.
public struct Moment: Sendable {
  /// 0 the host's, others one capture's each.
  public let clock: UInt32
  /// Nanoseconds since the epoch.
  public let time: UInt64

  /// The `time` that `clock` shows.
  @inlinable
  public init(clock: UInt32, time: UInt64) {
    self.clock = clock
    self.time = time
  }

  /// Nanoseconds from `earlier` to this: 0 when it is the later one (packets are not always in order), nil when
  /// another clock told it.
  @inlinable
  public func elapsed(since earlier: Moment) -> UInt64? {
    guard clock == earlier.clock else { return nil }
    return time > earlier.time ? time &- earlier.time : 0
  }
}

extension Packet {
  /// When the packet was received, by the clock of its interface.
  @inlinable
  public var moment: Moment { Moment(clock: clock, time: timestamp) }
}
