import NetISRPlugin
import Synchronization

/// How many errors senders are told of in a second (RFC 1812, section 4.3.2.8): "net.inet.icmp.icmplim" all together, and
/// "net.inet.icmp.icmplim_peer" of these one sender, so that nobody is told less because somebody else sends what he must
/// not.
///
/// Both are buckets of tokens that hold as many as they get in a second.
struct ICMPLimit {
  /// Senders that are remembered, per vnet.
  static let peers: UInt32 = 1024

  private static let second: UInt64 = 1_000_000_000
  /// When the bucket of all would be full again. Relaxed: a number that stands for nothing else.
  private static let full = Atomic<UInt64>(0)

  private var buckets = TokenBuckets<UInt32>()

  init() {}

  /// [control]
  init(opening _: Void) throws(Errno) {
    buckets = try TokenBuckets(
      opening: "ip.icmp_peers", maxEntries: Self.peers, format: "address:ipv4 = full:time")
  }

  /// Whether `peer`, as a number, may be told something now; then it is counted. First it is its own bucket's turn: what
  /// that refuses takes nothing from the others.
  func take(for peer: UInt32, vnet: UInt32, isEssential: Bool) -> Bool {
    let rate = unsafe settings.icmplimPeer.value
    // Without the path's MTU nothing arrives at all: as with other hosts, it is limited with all others only.
    if rate > 0, !isEssential, !buckets.take(peer.bigEndian, rate: rate, vnet: vnet) { return false }
    return Self.take()
  }

  /// Takes a token of those for all; false when there is none.
  private static func take() -> Bool {
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

/// Opened once, during registration, before any packet.
@exclusivity(unchecked) nonisolated(unsafe) var icmpLimit = ICMPLimit()
