import NetISRPlugin

/// What igmp has yet to say of a group that this host is a member of, or was: the value of "igmp.groups", whose key is a
/// `MembershipKey` (RFC 3376, section 5). 144 bytes, without padding.
struct HostGroup: BitwiseCopyable {
  /// Sources that a query can ask for; of one that asks for more, all are meant (section 5.2 lets a host do so).
  static let sourceLimit = 32

  /// 1: a member; 0: has left, and says so.
  var isMember: UInt8 = 0
  /// Times that the change is yet to be reported.
  var changes: UInt8 = 0
  /// 1: this host was the last to report the group (RFC 2236, section 3: the flag).
  var isLastReporter: UInt8 = 0
  /// Sources that the pending response is about; 0: all.
  var sourceCount: UInt8 = 0
  /// 1: a response is pending.
  var isResponding: UInt8 = 0
  var spare: UInt8 = 0
  var spare2: UInt16 = 0
  /// Ticks until the change is reported again.
  var changeTicks: UInt32 = 0
  /// Ticks until a query is answered; 0: none waits for it.
  var responseTicks: UInt32 = 0
  /// The first `sourceCount` of them: as they are in packets.
  var sources = InlineArray<32, UInt32>(repeating: 0)

  var isBusy: Bool { changes > 0 || responseTicks > 0 }

  /// What a tick of the clock makes due.
  enum Due {
    case nothing, change, response
  }

  /// A tick has passed. `interval` is what to wait, if the change is to be reported once more.
  mutating func tick(interval: UInt32) -> Due {
    if responseTicks > 0 { responseTicks &-= 1 }
    if changes > 0 {
      if changeTicks > 1 {
        changeTicks &-= 1
      } else {
        changes &-= 1
        changeTicks = interval
        // Answered at the next tick, if it is time for both.
        if responseTicks == 0, isResponding != 0 { responseTicks = 1 }
        return .change
      }
    }
    guard isResponding != 0, responseTicks == 0 else { return .nothing }
    isResponding = 0
    return .response
  }

  /// No response is pending any more.
  mutating func cancelResponse() {
    isResponding = 0
    responseTicks = 0
    sourceCount = 0
  }

  /// A query asks for the group: sections 5.2, rules 3 to 5. `count` sources of `asked`; 0: all.
  mutating func ask(within ticks: UInt32, _ asked: InlineArray<32, UInt32>, _ count: Int) {
    let wasPending = isResponding != 0
    if !wasPending || count == 0 || sourceCount == 0 {
      // Nothing pending, or one of the two is about all sources: then the response is.
      let isAboutAll = wasPending || count == 0
      sourceCount = 0
      if !isAboutAll { add(asked, count) }
    } else {
      add(asked, count)
    }
    responseTicks = wasPending ? min(responseTicks, ticks) : ticks
    isResponding = 1
  }

  private mutating func add(_ asked: InlineArray<32, UInt32>, _ count: Int) {
    var known = Int(sourceCount)
    for index in 0..<min(count, Self.sourceLimit) {
      if (0..<known).contains(where: { sources[$0] == asked[index] }) { continue }
      guard known < Self.sourceLimit else {
        // All, then.
        sourceCount = 0
        return
      }
      sources[known] = asked[index]
      known &+= 1
    }
    sourceCount = UInt8(truncatingIfNeeded: known)
  }
}

/// What igmp knows of an interface's queriers: the value of "igmp.links", whose key is the interface's index. 20 bytes.
struct HostLink: BitwiseCopyable {
  /// The querier's robustness variable, and its interval in seconds (RFC 3376, sections 8.1 and 8.2).
  var robustness: UInt32 = 2
  var interval: UInt32 = 125
  /// Ticks for which a querier of that version is thought to be there (section 7.2.1).
  var v1Ticks: UInt32 = 0
  var v2Ticks: UInt32 = 0
  /// Ticks until a general query is answered for all groups at once; 0: none waits for it.
  var generalTicks: UInt32 = 0

  /// The version that is spoken.
  var version: UInt8 { v1Ticks > 0 ? 1 : v2Ticks > 0 ? 2 : 3 }
  var isBusy: Bool { v1Ticks > 0 || v2Ticks > 0 || generalTicks > 0 }

  /// A tick has passed: whether a general query is to be answered.
  mutating func tick() -> Bool {
    if v1Ticks > 0 { v1Ticks &-= 1 }
    if v2Ticks > 0 { v2Ticks &-= 1 }
    guard generalTicks > 0 else { return false }
    generalTicks &-= 1
    return generalTicks == 0
  }

  /// A querier has spoken.
  mutating func hear(_ query: Query) {
    switch query.version {
    case 1: v1Ticks = olderVersionTicks(query)
    case 2: v2Ticks = olderVersionTicks(query)
    default:
      robustness = query.robustness == 0 ? 2 : query.robustness
      interval = query.interval == 0 ? 125 : query.interval
    }
  }

  /// The older version querier present timeout (section 8.12).
  private func olderVersionTicks(_ query: Query) -> UInt32 {
    robustness &* interval &* HostTimer.second &+ query.ticks
  }
}

/// A query, as far as a host needs it.
struct Query {
  /// By its length and code (RFC 3376, section 7.1).
  var version: UInt8
  /// `.any` of a general query.
  var group: Group
  /// Ticks within which to answer, at least 1.
  var ticks: UInt32
  var robustness: UInt32 = 0
  /// Seconds.
  var interval: UInt32 = 0
  /// Of a group-and-source-specific query; more than fit are none.
  var sources = InlineArray<32, UInt32>(repeating: 0)
  var sourceCount = 0

  /// A code of eight bits, which may be a small floating-point number (sections 4.1.1 and 4.1.7).
  static func value(_ code: UInt8) -> UInt32 {
    code < 128 ? UInt32(code) : (UInt32(code & 0x0f) | 0x10) << (UInt32(code >> 4 & 7) &+ 3)
  }
}
