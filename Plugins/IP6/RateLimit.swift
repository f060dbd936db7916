import NetISRPlugin

/// The value of `ip6.limits`: ICMPv6 errors in a second (RFC 4443, section 2.4 f). 16 bytes.
private struct ErrorCount: BitwiseCopyable {
  /// Seconds since the epoch.
  var second: UInt64 = 0
  var count: UInt32 = 0
  var spare: UInt32 = 0
}

/// How many ICMPv6 errors this host may send, per vnet: `net.inet6.icmp6.errppslimit` a second.
enum RateLimit {
  /// Set during registration, before any packet.
  @exclusivity(unchecked) nonisolated(unsafe) private static var table = Table<UInt32, ErrorCount>()

  /// [control]
  static func open() throws(Errno) {
    unsafe table = try Table(
      opening: "ip6.limits", maxEntries: 1, format: "what:u32 = second:u64 count:u32 -:4")
  }

  /// Whether one more may be sent now; then it is counted.
  static func takesOne(vnet: UInt32) -> Bool {
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
