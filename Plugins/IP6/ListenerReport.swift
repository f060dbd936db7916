import NetISRPlugin

/// A report of MLDv2 on its way out (RFC 3810, section 5.2): records until it is full, then another one.
struct ListenerReport {
  /// Records that fit 1,280 bytes, with all headers.
  private static let limit = 60

  private let interface: Interface
  private var types = InlineArray<60, UInt8>(repeating: 0)
  private var groups = InlineArray<60, IP6Address>(repeating: .unspecified)
  private var count = 0

  init(by interface: Interface) {
    self.interface = interface
  }

  mutating func add(_ type: UInt8, _ group: IP6Address) {
    if count == Self.limit { send() }
    types[count] = type
    groups[count] = group
    count &+= 1
  }

  /// Sends what there is, if there is anything.
  mutating func send() {
    guard count > 0 else { return }
    var message = OutgoingMessage(
      ICMP6Type.listenerReport2, from: Self.source(by: interface), to: .allListenerRouters, hopLimit: 1, isMLD: true)
    message.put16(0)
    message.put16(UInt16(truncatingIfNeeded: count))
    for index in 0..<count {
      message.put8(types[index])
      message.put8(0)
      message.put16(0)
      message.put(groups[index])
    }
    count = 0
    if message.send(by: interface) { unsafe mldCounters.snd_reports.add() }
  }

  /// A message of MLDv1 (RFC 2710, section 3): a report goes to its group, a done to the routers.
  static func sendOld(_ type: UInt8, _ group: IP6Address, by interface: Interface) {
    let isDone = type == ICMP6Type.listenerDone
    // Only a report may come from :: (RFC 3590).
    let source = Self.source(by: interface)
    guard !isDone || !source.isUnspecified else { return }
    var message = OutgoingMessage(
      type, from: source, to: isDone ? .allRouters : group, hopLimit: 1, isMLD: true)
    message.put32(0)
    message.put(group)
    guard message.send(by: interface) else { return }
    if isDone { unsafe mldCounters.snd_dones.add() } else { unsafe mldCounters.snd_v1_reports.add() }
  }

  /// Who has no address yet speaks as :: (RFC 3590).
  private static func source(by interface: Interface) -> IP6Address {
    unsafe addresses.linkLocal(of: interface) ?? .unspecified
  }
}

/// Reports whose time has come in a tick.
struct DueReports {
  enum Reason {
    /// A state change (RFC 3810, section 6.1).
    case join, leave
    /// A query for this group.
    case answer
  }

  private var keys = InlineArray<64, MembershipKey>(repeating: MembershipKey(group: .unspecified, interface: 0))
  private var reasons = InlineArray<64, Reason>(repeating: .join)
  private var wasLast: UInt64 = 0
  private var count = 0

  var isFull: Bool { count == keys.count }

  mutating func append(_ key: MembershipKey, _ reason: Reason, wasLast: Bool) {
    guard !isFull else { return }
    keys[count] = key
    reasons[count] = reason
    if wasLast { self.wasLast |= 1 << UInt64(count) }
    count &+= 1
  }

  /// Sends them, those of an interface together.
  mutating func send() {
    var done: UInt64 = 0
    for first in 0..<count where done & 1 << UInt64(first) == 0 {
      let index = keys[first].interface
      let interface = Interface(index: index)
      let isOld = interface.map { unsafe links.lookup($0).oldQuerier > 0 } ?? false
      var report = interface.map { ListenerReport(by: $0) }
      for place in first..<count where keys[place].interface == index {
        done |= 1 << UInt64(place)
        guard let interface else { continue }
        let group = keys[place].group.address
        guard !isOld else {
          sendOld(reasons[place], group, wasLast: wasLast & 1 << UInt64(place) != 0, by: interface)
          continue
        }
        switch reasons[place] {
        case .join: report?.add(RecordType.toExclude, group)
        case .leave: report?.add(RecordType.toInclude, group)
        case .answer: report?.add(RecordType.isExclude, group)
        }
      }
      report?.send()
    }
  }

  private func sendOld(_ reason: Reason, _ group: IP6Address, wasLast: Bool, by interface: Interface) {
    switch reason {
    case .join, .answer:
      ListenerReport.sendOld(ICMP6Type.listenerReport, group, by: interface)
    case .leave:
      // Where somebody else has reported last, a router knows that there are others (RFC 2710, section 4).
      if wasLast { ListenerReport.sendOld(ICMP6Type.listenerDone, group, by: interface) }
    }
  }
}
