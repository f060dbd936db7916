import NetISRPlugin

/// The key of "igmp.memberships": 8 bytes.
struct MembershipKey: BitwiseCopyable {
  /// The four bytes of the group's address as they are in a packet.
  let group: UInt32
  /// The index of the interface behind which the members are.
  let interface: UInt32

  init(_ group: Group, _ interface: UInt32) {
    self.group = group.number.bigEndian
    self.interface = interface
  }

  /// Of no group.
  static let none = MembershipKey(.any, 0)
}

/// Which sources a member wants: those of its list, or all others (RFC 3376, section 3.2).
enum FilterMode: UInt8 {
  case include = 1
  case exclude = 2
}

/// The value of "igmp.memberships": 32 bytes, without padding.
///
/// Who reads it from another plugin ignores it when `clock` is that of the packet in hand and `seen` lies more than
/// 260 seconds back.
struct Membership: Aging {
  /// `FilterMode`, by the last report that named one.
  var mode: UInt8 = 0
  /// The IGMP version of the last report: 1, 2 or 3.
  var version: UInt8 = 0
  var spare: UInt16 = 0
  /// Who sent it: the four bytes of the IPv4 address as they are in a packet; may be 0.0.0.0.
  var reporter: UInt32 = 0
  /// By which clock `joined` and `seen` are.
  var clock: UInt32 = 0
  /// Reports since `joined`.
  var reports: UInt32 = 0
  /// When the membership was new: nanoseconds since the epoch.
  var joined: UInt64 = 0
  /// When a report confirmed it last.
  var seen: UInt64 = 0
}

/// Who sent a report, and when.
struct Report {
  let version: UInt8
  /// As a number.
  let reporter: UInt32
  let interface: UInt32
  let moment: Moment
  let vnet: UInt32

  init(version: UInt8, from reporter: UInt32, in packet: borrowing Packet) {
    self.version = version
    self.reporter = reporter
    interface = packet.interface?.index ?? 0
    moment = packet.moment
    vnet = packet.vnet
  }
}

/// Which groups have members, and where.
struct Memberships {
  /// The group membership interval (RFC 3376, section 8.4) with default values: 2 x 125 s + 10 s.
  static let lifetime: UInt64 = 260 * 1_000_000_000
  static let limit: UInt32 = 16384

  fileprivate var table = AgingTable<MembershipKey, Membership>(lifetime: lifetime, empty: Membership())

  /// Opens the host's table, after the counters are defined. [control]
  mutating func open() throws(Errno) {
    try unsafe table.open(
      "igmp.memberships", timers: "igmp.timers", maxEntries: Self.limit,
      format: """
        group:ipv4 interface:u32 = mode:u8 version:u8 -:2 reporter:ipv4 clock:u32 reports:u32 joined:time seen:time
        """,
      timeouts: counters.timeouts, evictions: counters.evicted
    ) { unsafe memberships.table.age($0) }
  }

  /// Notes what a report says of `group`; without `mode` it says nothing of that. Counts what there was no room for.
  func confirm(_ group: Group, mode: FilterMode?, by report: Report) {
    var lesson = Claim(mode: mode, report: report)
    let key = MembershipKey(group, report.interface)
    guard table.learn(&lesson, of: key, at: report.moment, vnet: report.vnet) else { return unsafe counters.full.add() }
    if lesson.isNew { unsafe counters.joined.add() }
  }

  /// Ends a membership. Other members, if there are any, say so when the querier asks (RFC 2236, section 3).
  func leave(_ group: Group, by report: Report) {
    if table.remove(MembershipKey(group, report.interface), vnet: report.vnet) { unsafe counters.left.add() }
  }
}

/// What a report says of one group.
private struct Claim: Lesson {
  let mode: FilterMode?
  let report: Report
  var isNew = false

  mutating func apply(to membership: inout Membership, isNew: Bool) {
    self.isNew = isNew
    if isNew {
      membership.joined = report.moment.time
      // Sources are added to a list of wanted ones, unless all others are wanted already.
      membership.mode = FilterMode.include.rawValue
    }
    if let mode { membership.mode = mode.rawValue }
    membership.version = report.version
    membership.reporter = report.reporter.bigEndian
    membership.reports &+= 1
  }
}

/// Opened once, during registration, before any packet.
@exclusivity(unchecked) nonisolated(unsafe) var memberships = Memberships()
