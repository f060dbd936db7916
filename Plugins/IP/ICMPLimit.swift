import NetISRPlugin
import Synchronization

/// How many errors senders are told of in a second (RFC 1812, section 4.3.2.8): a bucket of tokens that holds as many as
/// "net.inet.icmp.icmplim" gives in a second.
///
/// One word says it all: the time at which the bucket would be full again. Each token moves it on by its share of a
/// second; when it is more than a second away, the bucket is empty.
enum ICMPLimit {
  private static let second: UInt64 = 1_000_000_000
  // Relaxed: a number that stands for nothing else.
  private static let full = Atomic<UInt64>(0)

  /// Takes a token; false when there is none.
  static func take() -> Bool {
    let rate = unsafe settings.icmplim.value
    guard rate > 0 else { return true }
    let share = second / UInt64(rate)
    let now = netisr_time()
    var before = full.load(ordering: .relaxed)
    // Others take tokens at the same time: one of them always gets its own.
    while true {
      // A clock that was set back must not empty the bucket for long.
      let start = before > now &+ 2 &* second || before < now ? now : before
      guard start &+ share <= now &+ second else { return false }
      let (done, found) = full.weakCompareExchange(
        expected: before, desired: start &+ share, successOrdering: .relaxed, failureOrdering: .relaxed)
      if done { return true }
      before = found
    }
  }
}
