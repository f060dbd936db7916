import NetISRPlugin

// What is done to the entries of "igmp.groups" and "igmp.links" while they are locked.

/// This host is a member, from now on if it was none.
struct Joining: TableVisitor {
  let robustness: UInt32

  mutating func visit(_ group: inout HostGroup, isNew: Bool) -> TableVerdict {
    guard isNew || group.isMember == 0 else { return .keep }
    group.isMember = 1
    group.changes = UInt8(clamping: robustness)
    group.changeTicks = 1
    return .keep
  }
}

/// A query has come.
struct Hearing: TableVisitor {
  let query: Query
  var before: UInt8 = 3
  var version: UInt8 = 3
  var general: UInt32 = 0

  init(query: Query) { self.query = query }

  mutating func visit(_ link: inout HostLink, isNew: Bool) -> TableVerdict {
    if isNew { link = HostLink() }
    before = link.version
    link.hear(query)
    version = link.version
    if version != before { link.generalTicks = 0 }
    general = link.generalTicks
    return .keep
  }
}

/// A general query is to be answered within `delay` ticks; sooner, if it was to be anyway.
struct Scheduling: TableVisitor {
  let delay: UInt32

  mutating func visit(_ link: inout HostLink, isNew: Bool) -> TableVerdict {
    if link.generalTicks == 0 || link.generalTicks > delay { link.generalTicks = delay }
    return isNew ? .remove : .keep
  }
}

/// A query is about this group.
struct Asking: TableVisitor {
  let query: Query
  let delay: UInt32
  let version: UInt8

  mutating func visit(_ group: inout HostGroup, isNew: Bool) -> TableVerdict {
    guard !isNew else { return .remove }
    guard group.isMember != 0 else { return .keep }
    if version == 3 {
      group.ask(within: delay, query.sources, query.sourceCount)
    } else {
      group.askOnce(within: delay, limit: query.ticks)
    }
    return .keep
  }
}

/// Another host has reported the group.
struct Suppression: TableVisitor {
  mutating func visit(_ group: inout HostGroup, isNew: Bool) -> TableVerdict {
    guard !isNew else { return .remove }
    if group.isMember != 0 {
      group.cancelResponse()
      group.isLastReporter = 0
    }
    return .keep
  }
}

/// This host has reported the group, as the last one so far.
struct Flag: TableVisitor {
  mutating func visit(_ group: inout HostGroup, isNew: Bool) -> TableVerdict {
    group.isLastReporter = 1
    return isNew ? .remove : .keep
  }
}

/// Nothing more is to be said of a group that was left.
struct Silence: TableVisitor {
  mutating func visit(_ group: inout HostGroup, isNew: Bool) -> TableVerdict {
    isNew || group.isMember == 0 ? .remove : .keep
  }
}

extension HostGroup {
  /// Version 1 and 2: a timer that runs already is set anew only if it has more than the new limit to go (RFC 2236,
  /// section 3).
  mutating func askOnce(within ticks: UInt32, limit: UInt32) {
    if responseTicks > 0 && responseTicks <= limit { return }
    cancelResponse()
    ask(within: ticks, .init(repeating: 0), 0)
  }
}

/// A report that is to be sent, taken out of the table.
struct DueReport {
  let key: MembershipKey
  let isChange: Bool
  let isMember: Bool
  let isLastReporter: Bool
  let sourceCount: Int
  let sources: InlineArray<32, UInt32>

  init(_ key: MembershipKey, _ group: HostGroup, isChange: Bool) {
    self.key = key
    self.isChange = isChange
    isMember = group.isMember != 0
    isLastReporter = group.isLastReporter != 0
    sourceCount = isChange ? 0 : Int(group.sourceCount)
    sources = group.sources
  }

  static let none = DueReport(.none, HostGroup(), isChange: false)
}

extension Interface {
  /// A number below `bound`, which other hosts don't share.
  func random(below bound: UInt32, salt: UInt32 = 0) -> UInt32 {
    var hash = FlowHash(common: netisr_time())
    hash.addEnd(etherAddress ?? UInt64(index), UInt64(salt), port: 0)
    return bound == 0 ? 0 : hash.value % bound
  }
}
