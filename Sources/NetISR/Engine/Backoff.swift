import CNetISRHost
import Glibc

/// How to wait for another thread that needs a few instructions, unless it was preempted: first by spinning, then by
/// giving up the CPU, at last by sleeping.
public struct Backoff: Sendable {
  private var rounds = 0

  /// At the beginning.
  public init() {}

  /// Waits a little, longer when it is called again and again.
  public mutating func pause() {
    rounds += 1
    if rounds < 64 {
      netisr_host_pause()
    } else if rounds < 256 {
      sched_yield()
    } else {
      usleep(50)
    }
  }

  /// Begins anew.
  public mutating func reset() { rounds = 0 }
}
