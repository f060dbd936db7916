import Glibc

/// A clock that never steps.
enum SteadyClock {
  /// Nanoseconds since some moment (CLOCK_MONOTONIC).
  static var now: UInt64 {
    var time = timespec()
    unsafe clock_gettime(CLOCK_MONOTONIC, &time)
    return UInt64(time.tv_sec) * 1_000_000_000 + UInt64(time.tv_nsec)
  }

  /// Sleeps, at most 20 ms, so that the caller looks up now and then.
  static func pause(nanoseconds: UInt64) {
    usleep(UInt32(min(nanoseconds / 1000 + 1, 20_000)))
  }
}
