import NetISRPlugin

/// The value of `ip6.limits`: ICMPv6 errors in a second (RFC 4443, section 2.4 f). 16 bytes.
private struct ErrorCount: BitwiseCopyable {
  /// Seconds since the epoch.
  var second: UInt64 = 0
  var count: UInt32 = 0
  var spare: UInt32 = 0
}

/// How many ICMPv6 errors this host may send, per vnet: `net.inet6.icmp6.errppslimit` a second, and to one station no more
/// than `net.inet6.icmp6.errppslimit_peer`, so that nobody is told less because somebody else sends what he must not.
enum RateLimit {
  /// Stations that are remembered, per vnet.
  private static let peers: UInt32 = 1024

  /// Set during registration, before any packet.
  @exclusivity(unchecked) nonisolated(unsafe) private static var table = Table<UInt32, ErrorCount>()
  @exclusivity(unchecked) nonisolated(unsafe) private static var buckets = TokenBuckets<IP6AddressBytes>()

  /// [control]
  static func open() throws(Errno) {
    unsafe table = try Table(
      opening: "ip6.limits", maxEntries: 1, format: "what:u32 = second:u64 count:u32 -:4")
    unsafe buckets = try TokenBuckets(
      opening: "ip6.limits_peers", maxEntries: peers, format: "address:ipv6 = full:time")
  }

  /// Whether one more may be sent to `peer` now; then it is counted. First it is its own bucket's turn: what that refuses
  /// takes nothing from the others.
  ///
  /// - Parameter isEssential: without it nothing arrives at all: it is limited with all others only.
  static func takesOne(for peer: IP6Address, vnet: UInt32, isEssential: Bool) -> Bool {
    let rate = unsafe settings.peerErrorLimit.value
    if unsafe rate > 0 && !isEssential && !buckets.take(peer.wire, rate: rate, vnet: vnet) { return false }
    return takesOne(vnet: vnet)
  }

  private static func takesOne(vnet: UInt32) -> Bool {
    let limit = unsafe settings.errorLimit.value
    guard limit >= 0 else { return true }
    var taking = TakingOne(second: netisr_time() / 1_000_000_000, limit: UInt32(truncatingIfNeeded: limit))
    return unsafe table.update(0, vnet: vnet, with: &taking) && taking.isTaken
  }

  private struct TakingOne: TableVisitor {
    let second: UInt64
    let limit: UInt32
    var isTaken = false

    mutating func visit(_ errors: inout ErrorCount, isNew: Bool) -> TableVerdict {
      if isNew || errors.second != second { errors = ErrorCount(second: second) }
      isTaken = errors.count < limit
      if isTaken { errors.count &+= 1 }
      return .keep
    }
  }
}
