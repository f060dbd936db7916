import Glibc

/// The time of what the kernel gives none.
enum WallClock {
  /// Nanoseconds since the epoch.
  static var now: UInt64 {
    var time = timespec()
    unsafe clock_gettime(CLOCK_REALTIME, &time)
    return UInt64(time.tv_sec) * 1_000_000_000 + UInt64(time.tv_nsec)
  }
}
