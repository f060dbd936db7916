import Glibc

/// How to wait for something that is usually a matter of microseconds: first by yielding the CPU, then by sleeping.
struct Backoff {
  private var rounds = 0

  /// Waits a little, longer when it is called again and again.
  mutating func pause() {
    rounds += 1
    if rounds < 64 {
      sched_yield()
    } else {
      usleep(50)
    }
  }

  /// Begins anew.
  mutating func reset() { rounds = 0 }
}
