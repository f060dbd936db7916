import NetISRPlugin

/// The value of `ip6.groups`, whose key is that of `ip6.memberships`: a group of which this station is a member, or was just
/// now. 12 bytes, without padding.
struct OwnGroup: BitwiseCopyable {
  enum State {
    static let member: UInt8 = 1
    /// No member any more, of which routers are to be told.
    static let leaving: UInt8 = 2
  }

  static let limit: UInt32 = 16_384

  var state: UInt8 = 0
  /// Reports of the last change that are still to be sent.
  var reports: UInt8 = 0
  /// MLDv1: nobody has reported the group since this station did (RFC 2710, section 5).
  var isLastReporter: UInt8 = 0
  var spare: UInt8 = 0
  /// Ticks until the next one.
  var ticks: UInt32 = 0
  /// Ticks until a query is answered; 0: none is.
  var response: UInt32 = 0

  init() {}

  /// Something has changed: it is reported at once, and as often again as the link's robustness asks for.
  mutating func change(to state: UInt8, reports: UInt8) {
    self.state = state
    self.reports = reports
    ticks = 1
    response = 0
  }
}

/// The groups of this station, and their reports (RFC 3810, section 6; RFC 2710 where an old querier is): those that its
/// addresses ask for, and those that operators and plugins have joined ("shared.groups").
struct Groups {
  private var table = Table<MembershipKey, OwnGroup>()
  private var joined = NetISRPlugin.Groups()

  /// [control]
  mutating func open() throws(Errno) {
    table = try Table(
      opening: "ip6.groups", maxEntries: OwnGroup.limit,
      format: "group:ipv6 interface:u32 = state:u8 reports:u8 last_reporter:u8 -:1 ticks:u32 response:u32")
    joined = try NetISRPlugin.Groups(opening: ())
  }

  /// Whether packets to a group that come in by an interface are for this station.
  func contains(_ group: IP6Address, on interface: UInt32, vnet: UInt32) -> Bool {
    let key = MembershipKey(group: group.wire, interface: interface)
    return table.lookup(key, vnet: vnet, initial: OwnGroup())?.state == OwnGroup.State.member
  }

  // MARK: Changes

  /// Joins the groups that the addresses of a vnet (RFC 4291, section 2.8) and its operators ask for, and leaves the others.
  func settle(vnet: UInt32) {
    guard unsafe links.count(vnet: vnet) > 0 || table.count(vnet: vnet) > 0 else { return }
    Interface.forEach(vnet: vnet) { interface in
      settle(interface)
      return true
    }
    table.sweep(vnet: vnet) { key, _ in
      let isThere = Interface(index: key.interface).map { $0.speaksIP6 && $0.vnet == vnet } ?? false
      return isThere ? .keep : .remove
    }
  }

  private func settle(_ interface: Interface) {
    guard interface.speaksIP6 else { return }
    var wanted = GroupList()
    wanted.append(.allNodes)
    if unsafe settings.forwarding.isOn { wanted.append(.allRouters) }
    unsafe addresses.forEach(on: interface, vnet: interface.vnet) { address, own in
      if own.state != OwnAddress.State.duplicate { wanted.append(address.solicitedNode) }
    }
    joined.forEach(vnet: interface.vnet) { key in
      if key.family == 6 && key.interface == interface.index { wanted.append(IP6Address(key.address)) }
    }
    let reports = unsafe links.lookup(interface).robustness
    for index in 0..<wanted.count {
      var joining = Joining(reports: wanted[index].isReported ? reports : 0)
      let key = MembershipKey(group: wanted[index].wire, interface: interface.index)
      _ = table.update(key, vnet: interface.vnet, with: &joining)
    }
    table.sweep(vnet: interface.vnet) { key, group in
      guard key.interface == interface.index, group.state == OwnGroup.State.member else { return .keep }
      let address = key.group.address
      if wanted.contains(address) { return .keep }
      guard address.isReported else { return .remove }
      group.change(to: OwnGroup.State.leaving, reports: reports)
      return .keep
    }
  }

  /// All memberships of an interface are told anew, as if they had just begun: they were told without an address.
  func reportAll(on interface: Interface) {
    let reports = unsafe links.lookup(interface).robustness
    table.sweep(vnet: interface.vnet) { key, group in
      if key.interface == interface.index && group.state == OwnGroup.State.member && key.group.address.isReported {
        group.change(to: OwnGroup.State.member, reports: reports)
      }
      return .keep
    }
    unsafe timer.arm()
  }

  // MARK: Queries

  /// A query for one group, or for all (nil) where old queriers are: each group is answered for by itself.
  func respond(to group: IP6Address?, within ticks: UInt32, on interface: Interface) {
    table.sweep(vnet: interface.vnet) { key, own in
      guard key.interface == interface.index, own.state == OwnGroup.State.member,
        group == nil || group == key.group.address, key.group.address.isReported
      else { return .keep }
      let response = Chance.ticks(upTo: ticks, key.group.low, on: interface)
      if own.response == 0 || response < own.response { own.response = response }
      return .keep
    }
    unsafe timer.arm()
  }

  /// Somebody else reports a group by MLDv1: once is enough for all (RFC 2710, section 4).
  func hearReport(of group: IP6Address, on interface: Interface) {
    var hearing = Suppression()
    _ = table.update(
      MembershipKey(group: group.wire, interface: interface.index), vnet: interface.vnet, with: &hearing)
    if hearing.isSuppressed { unsafe mldCounters.suppressed.add() }
  }

  /// The state of all groups, after the delay that a general query asks for (RFC 3810, section 6.3).
  func answerGeneralQuery(on interface: Interface) {
    var report = ListenerReport(by: interface)
    table.sweep(vnet: interface.vnet) { key, group in
      guard key.interface == interface.index, group.state == OwnGroup.State.member, key.group.address.isReported else {
        return .keep
      }
      report.add(RecordType.isExclude, key.group.address)
      return .keep
    }
    report.send()
  }

  // MARK: Time

  /// A tenth of a second has passed in a vnet. Whether another tick is needed.
  func tick(vnet: UInt32) -> Bool {
    guard table.count(vnet: vnet) > 0 else { return false }
    var due = DueReports()
    var isBusy = false
    let chance = Chance.mix(netisr_time())
    table.sweep(vnet: vnet) { key, group in
      guard group.reports > 0 || group.response > 0 else { return .keep }
      isBusy = true
      // More than can be remembered: in the next tick.
      guard !due.isFull else { return .keep }
      if group.reports > 0 {
        if group.ticks > 1 {
          group.ticks &-= 1
        } else {
          group.reports &-= 1
          // The Unsolicited Report Interval is a second (section 9.11).
          group.ticks = 1 &+ UInt32(truncatingIfNeeded: Chance.mix(chance ^ key.group.low)) % Timer.second
          let isLeaving = group.state == OwnGroup.State.leaving
          due.append(key, isLeaving ? .leave : .join, wasLast: group.isLastReporter == 1)
          group.isLastReporter = isLeaving ? 0 : 1
          return isLeaving && group.reports == 0 ? .remove : .keep
        }
      }
      if group.response > 0 {
        group.response &-= 1
        if group.response == 0 {
          group.isLastReporter = 1
          due.append(key, .answer, wasLast: false)
        }
      }
      return .keep
    }
    due.send()
    return isBusy
  }
}

/// Which groups are wanted on an interface; bounded, as its addresses are, and what can be joined.
private struct GroupList {
  private var groups = InlineArray<320, IP6Address>(repeating: .unspecified)
  private(set) var count = 0

  mutating func append(_ group: IP6Address) {
    guard count < groups.count, !contains(group) else { return }
    groups[count] = group
    count &+= 1
  }

  subscript(_ index: Int) -> IP6Address { groups[index] }

  func contains(_ group: IP6Address) -> Bool {
    for index in 0..<count where groups[index] == group { return true }
    return false
  }
}

private struct Joining: TableVisitor {
  let reports: UInt8

  mutating func visit(_ group: inout OwnGroup, isNew: Bool) -> TableVerdict {
    if isNew || group.state != OwnGroup.State.member { group.change(to: OwnGroup.State.member, reports: reports) }
    return .keep
  }
}

private struct Suppression: TableVisitor {
  var isSuppressed = false

  mutating func visit(_ group: inout OwnGroup, isNew: Bool) -> TableVerdict {
    if isNew { return .remove }
    if group.state == OwnGroup.State.member {
      isSuppressed = group.response > 0
      group.response = 0
      group.isLastReporter = 0
    }
    return .keep
  }
}

extension IP6Address {
  /// Whether memberships are reported: not of ff02::1, nor where the scope is less than a link's (RFC 3810, section 6).
  var isReported: Bool { self != .allNodes && multicastScope >= 2 }
}

/// Opened once, during registration, before any packet.
@exclusivity(unchecked) nonisolated(unsafe) var groups = Groups()
