/// The time of a capture that may be read several times over.
///
/// Within a pass, times are the capture's own, even where they step back.  Each further pass begins one millisecond
/// after the latest time of the pass before: timeouts in protocols see time go on, not return.
struct CaptureClock {
  /// Between two passes, in nanoseconds.
  static let gap: UInt64 = 1_000_000

  private var earliest = UInt64.max
  private var latest: UInt64 = 0
  private var offset: UInt64 = 0

  /// The time, in nanoseconds since the epoch, of a frame that the capture dates `timestamp`.
  mutating func time(of timestamp: UInt64) -> UInt64 {
    earliest = min(earliest, timestamp)
    latest = max(latest, timestamp)
    return timestamp.saturatingAdd(offset)
  }

  /// Ends a pass.
  mutating func nextPass() {
    guard earliest <= latest else { return }
    offset = offset.saturatingAdd((latest - earliest).saturatingAdd(Self.gap))
  }
}
