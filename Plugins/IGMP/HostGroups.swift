import NetISRPlugin

/// The groups that this host itself is a member of, on interfaces that do not only listen (RFC 3376, section 5; RFC 2236,
/// section 3; RFC 1112, appendix I): "shared.groups" says which, and this says it to the others.
///
/// A change is reported at once, and again within a second, as often as the querier's robustness variable has it; queries are
/// answered after a random time. The version is that of the oldest querier heard of late.
struct HostGroups {
  /// Members, and groups that were left and of which that is still to be said, per vnet.
  private static let limit: UInt32 = 512

  private var wanted = Groups()
  private var groups = Table<MembershipKey, HostGroup>()
  private var links = Table<UInt32, HostLink>()

  /// [control]
  mutating func open() throws(Errno) {
    wanted = try Groups(opening: ())
    groups = try Table(
      opening: "igmp.groups", maxEntries: Self.limit,
      format: """
        group:ipv4 interface:u32 = member:u8 changes:u8 last_reporter:u8 sources:u8 responding:u8 -:3 change_ticks:u32 \
        response_ticks:u32 -:128
        """)
    links = try Table(
      opening: "igmp.links", maxEntries: 4096,
      format: "interface:u32 = robustness:u32 interval:u32 v1_ticks:u32 v2_ticks:u32 general_ticks:u32")
  }

  // MARK: Joining and leaving

  /// Looks which groups are wanted now, in all vnets. [handler]
  func look() {
    for vnet in 0..<UInt32(NETISR_MAXVNET) {
      if wanted.count(vnet: vnet) > 0 || groups.count(vnet: vnet) > 0 { look(vnet: vnet) }
      // What the generation before had begun.
      if links.count(vnet: vnet) > 0 { unsafe hostTimer.arm() }
    }
  }

  private func look(vnet: UInt32) {
    var keys = InlineArray<256, MembershipKey>(repeating: .none)
    var count = 0
    wanted.forEach(vnet: vnet) { key in
      guard key.family == 4, count < keys.count else { return }
      let group = Group(number: key.ipv4)
      // 224.0.0.1 is everybody's, and never reported.
      guard group.isReportable else { return }
      keys[count] = MembershipKey(group, key.interface)
      count &+= 1
    }
    for index in 0..<count where canSpeak(keys[index], vnet: vnet) {
      var joining = Joining(robustness: link(keys[index].interface, vnet: vnet).robustness)
      _ = groups.update(keys[index], vnet: vnet, with: &joining)
    }
    leaveOthers(than: keys, count, vnet: vnet)
    unsafe hostTimer.arm()
  }

  private func leaveOthers(than keys: InlineArray<256, MembershipKey>, _ count: Int, vnet: UInt32) {
    groups.sweep(vnet: vnet) { key, group in
      let interface = Interface(index: key.interface)
      // Where nobody can be told, nothing is pending: when the link is back, all is reported anew.
      guard let interface, interface.isUp, !interface.isMonitor else { return .remove }
      let isWanted = (0..<count).contains { keys[$0].group == key.group && keys[$0].interface == key.interface }
      guard !isWanted, group.isMember != 0 else { return .keep }
      group.isMember = 0
      group.cancelResponse()
      group.changes = 2
      group.changeTicks = 1
      return .keep
    }
  }

  private func canSpeak(_ key: MembershipKey, vnet: UInt32) -> Bool {
    guard let interface = Interface(index: key.interface) else { return false }
    return interface.isUp && !interface.isMonitor && interface.vnet == vnet
  }

  private func link(_ index: UInt32, vnet: UInt32) -> HostLink {
    links.lookup(index, vnet: vnet, initial: HostLink()) ?? HostLink()
  }

  // MARK: Others speak

  /// A querier asks.
  func hear(_ query: Query, on interface: Interface, vnet: UInt32) {
    guard !interface.isMonitor else { return }
    var hearing = Hearing(query: query)
    guard links.update(interface.index, vnet: vnet, with: &hearing) else { return }
    if hearing.version != hearing.before { cancel(on: interface.index, vnet: vnet) }
    unsafe hostTimer.arm()
    guard groups.count(vnet: vnet) > 0 else { return }
    let delay = 1 &+ interface.random(below: query.ticks)
    if query.group != .any {
      // Rule 1: what answers a general query sooner answers this too.
      guard hearing.general == 0 || hearing.general > delay else { return }
      return ask(MembershipKey(query.group, interface.index), query, within: delay, version: hearing.version, vnet)
    }
    if hearing.version == 3 {
      var scheduling = Scheduling(delay: delay)
      _ = links.update(interface.index, vnet: vnet, with: &scheduling)
    } else {
      // Each group at a time of its own (RFC 2236, section 3).
      groups.sweep(vnet: vnet) { key, group in
        if key.interface == interface.index, group.isMember != 0 {
          group.askOnce(within: 1 &+ interface.random(below: query.ticks, salt: key.group), limit: query.ticks)
        }
        return .keep
      }
    }
  }

  private func ask(_ key: MembershipKey, _ query: Query, within delay: UInt32, version: UInt8, _ vnet: UInt32) {
    var asking = Asking(query: query, delay: delay, version: version)
    _ = groups.update(key, vnet: vnet, with: &asking)
  }

  /// Another host reports a group in version 1 or 2: this one need not (RFC 2236, section 3).
  func hearReport(of group: Group, on interface: Interface, vnet: UInt32) {
    guard groups.count(vnet: vnet) > 0, link(interface.index, vnet: vnet).version < 3 else { return }
    var suppression = Suppression()
    _ = groups.update(MembershipKey(group, interface.index), vnet: vnet, with: &suppression)
  }

  /// Another version is spoken from now on: what was pending is not (RFC 3376, section 7.2.1).
  private func cancel(on interface: UInt32, vnet: UInt32) {
    groups.sweep(vnet: vnet) { key, group in
      guard key.interface == interface else { return .keep }
      group.cancelResponse()
      group.changes = 0
      return group.isMember == 0 ? .remove : .keep
    }
  }

  // MARK: Time

  /// A tenth of a second has passed in a vnet. Whether another tick is needed.
  func tick(vnet: UInt32) -> Bool {
    var isBusy = false
    if links.count(vnet: vnet) > 0 { isBusy = tickLinks(vnet: vnet) }
    guard groups.count(vnet: vnet) > 0 else { return isBusy }
    var due = InlineArray<64, DueReport>(repeating: .none)
    var count = 0
    groups.sweep(vnet: vnet) { key, group in
      // More than can be remembered: in the next tick.
      guard count < due.count, let interface = Interface(index: key.interface) else { return .keep }
      let report = group.tick(interval: 1 &+ interface.random(below: HostTimer.second, salt: key.group))
      if report != .nothing {
        due[count] = DueReport(key, group, isChange: report == .change)
        count &+= 1
        if report == .response { group.sourceCount = 0 }
      }
      if group.isMember == 0 && group.changes == 0 { return .remove }
      if group.isBusy { isBusy = true }
      return .keep
    }
    for index in 0..<count { send(due[index], vnet: vnet) }
    return isBusy
  }

  private func tickLinks(vnet: UInt32) -> Bool {
    var due = InlineArray<16, UInt32>(repeating: 0)
    var changed = InlineArray<16, UInt32>(repeating: 0)
    var (dueCount, changedCount, isBusy) = (0, 0, false)
    links.sweep(vnet: vnet) { index, link in
      guard dueCount < due.count, changedCount < changed.count else {
        isBusy = true
        return .keep
      }
      let version = link.version
      if link.tick() {
        due[dueCount] = index
        dueCount &+= 1
      }
      if link.version != version {
        changed[changedCount] = index
        changedCount &+= 1
      }
      if link.isBusy { isBusy = true }
      // What it says by itself is what a new one says.
      return link.isBusy || link.robustness != 2 || link.interval != 125 ? .keep : .remove
    }
    for index in 0..<changedCount { cancel(on: changed[index], vnet: vnet) }
    for index in 0..<dueCount { answerAll(on: due[index], vnet: vnet) }
    return isBusy
  }

  // MARK: Speaking

  private func send(_ report: DueReport, vnet: UInt32) {
    guard let interface = Interface(index: report.key.interface) else { return }
    let link = link(report.key.interface, vnet: vnet)
    let group = Group(number: UInt32(bigEndian: report.key.group))
    guard link.version == 3 else {
      return sendOlder(report, of: group, version: link.version, by: interface, vnet: vnet)
    }
    guard var message = HostReport(by: interface) else { return unsafe counters.sndFailed.add() }
    let isWhole: Bool
    if report.isChange {
      isWhole = message.add(report.isMember ? GroupRecord.toExclude : GroupRecord.toInclude, group)
    } else {
      guard report.isMember else { return }
      // Of a group that excludes nobody, what was asked for is what is wanted (section 5.2).
      isWhole = message.add(
        report.sourceCount > 0 ? GroupRecord.isInclude : GroupRecord.isExclude, group, report.sources,
        report.sourceCount)
    }
    guard isWhole else { return unsafe counters.sndFailed.add() }
    message.send(by: interface)
  }

  /// Versions 1 and 2: a report to the group itself; a leave to all routers, from who reported last.
  private func sendOlder(_ report: DueReport, of group: Group, version: UInt8, by interface: Interface, vnet: UInt32) {
    if report.isMember {
      let type = version == 1 ? MessageType.v1Report : MessageType.v2Report
      guard HostMessage.send(type, group, to: group, by: interface) else { return }
      unsafe counters.sndReports.add()
      var flag = Flag()
      _ = groups.update(report.key, vnet: vnet, with: &flag)
    } else if version == 2 && report.isLastReporter {
      // Once: the querier asks whether somebody is left.
      var silence = Silence()
      _ = groups.update(report.key, vnet: vnet, with: &silence)
      if HostMessage.send(MessageType.leave, group, to: .allRouters, by: interface) {
        unsafe counters.sndLeaves.add()
      }
    }
  }

  /// Answers a general query: the state of all groups of an interface, in as few reports as hold it.
  private func answerAll(on index: UInt32, vnet: UInt32) {
    guard let interface = Interface(index: index), link(index, vnet: vnet).version == 3 else { return }
    var members = InlineArray<256, UInt32>(repeating: 0)
    var count = 0
    groups.sweep(vnet: vnet) { key, group in
      if key.interface == index, group.isMember != 0, count < members.count {
        members[count] = key.group
        count &+= 1
      }
      return .keep
    }
    var next = 0
    while next < count {
      guard var message = HostReport(by: interface) else { return unsafe counters.sndFailed.add() }
      let first = next
      while next < count, message.add(GroupRecord.isExclude, Group(number: UInt32(bigEndian: members[next]))) {
        next &+= 1
      }
      guard next > first else { return unsafe counters.sndFailed.add() }
      message.send(by: interface)
    }
  }
}

/// Opened once, during registration, before any packet.
@exclusivity(unchecked) nonisolated(unsafe) var hostGroups = HostGroups()
