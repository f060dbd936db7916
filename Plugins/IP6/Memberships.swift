import NetISRPlugin

/// The key of `ip6.memberships`, 20 bytes: the group in network order, the interface's index in host order.
struct MembershipKey: BitwiseCopyable {
  var group: IP6AddressBytes
  var interface: UInt32
}

/// The value of `ip6.memberships`, 168 bytes, without padding: somebody on the link listens to the group.
///
/// Listeners are not told apart: who leaves is believed to be the last one, as long as no other reports again (a router
/// would ask; who only listens can't).
struct Membership: Aging {
  /// When it was reported last: nanoseconds, by `clock`.
  var seen: UInt64 = 0
  /// By whom, in network order; :: for one that has no address yet.
  var reporter = IP6AddressBytes.unspecified
  var clock: UInt32 = 0
  /// Reports so far.
  var reports: UInt32 = 0
  /// `include`: of the sources only; `exclude`: of everybody (RFC 3810, section 4.2).
  var mode: UInt8 = 0
  /// The version of MLD that reported last.
  var version: UInt8 = 0
  /// Sources of INCLUDE mode; when they are more than `sourceLimit`, nobody knows them all.
  var sourceCount: UInt16 = 0
  var spare: UInt32 = 0
  var sources = InlineArray<8, IP6AddressBytes>(repeating: .unspecified)

  static let include: UInt8 = 1
  static let exclude: UInt8 = 2
  static let sourceLimit = 8

  /// The Multicast Address Listening Interval with its default values (RFC 3810, section 9.4).
  static let lifetime: UInt64 = 260_000_000_000
  static let limit: UInt32 = 16_384
}

/// Record types (RFC 3810, section 5.2.12).
enum RecordType {
  static let isInclude: UInt8 = 1
  static let isExclude: UInt8 = 2
  static let toInclude: UInt8 = 3
  static let toExclude: UInt8 = 4
  static let allow: UInt8 = 5
  static let block: UInt8 = 6
}

/// What a report says of one group.
private struct MembershipLesson: Lesson {
  enum Change {
    /// Of everybody.
    case exclude
    /// Of these sources, only or besides others.
    case include(replacing: Bool)
    /// Not of these any more.
    case block
  }

  let change: Change
  let version: UInt8
  let reporter: IP6AddressBytes
  var sources = SourceList()
  /// Afterwards nobody listens.
  var isEmpty = false

  mutating func apply(to membership: inout Membership, isNew: Bool) {
    switch change {
    case .exclude:
      membership.mode = Membership.exclude
      membership.sourceCount = 0
    case .include(let replacing):
      if isNew || replacing {
        membership.mode = Membership.include
        membership.sourceCount = 0
      }
      if membership.mode == Membership.include { membership.add(sources) }
    case .block:
      if membership.mode == Membership.include { membership.remove(sources) }
    }
    isEmpty = membership.mode != Membership.exclude && membership.sourceCount == 0
    membership.reporter = reporter
    membership.reports &+= 1
    membership.version = version
  }
}

/// Enters what reports say into the table.
struct MembershipLearner {
  var interface: UInt32
  var vnet: UInt32
  var moment: Moment
  var reporter: IP6AddressBytes

  /// A version 1 report.
  func join(_ group: IP6Address) {
    learn(MembershipLesson(change: .exclude, version: 1, reporter: reporter), of: group)
  }

  /// A version 1 done.
  func leave(_ group: IP6Address) {
    unsafe tables.memberships.remove(key(group), vnet: vnet)
  }

  /// A record of a version 2 report; other types are ignored, as section 5.2.12 asks.
  func apply(_ record: ListenerMessage.Record, of packet: borrowing Packet) {
    switch record.type {
    case RecordType.isExclude, RecordType.toExclude:
      learn(MembershipLesson(change: .exclude, version: 2, reporter: reporter), of: record.group)
    case RecordType.isInclude, RecordType.toInclude:
      // Listening to nobody is how a listener leaves.
      guard record.sourceCount > 0 else { return leave(record.group) }
      learn(.include(replacing: true), record, packet)
    case RecordType.allow:
      guard record.sourceCount > 0 else { return }
      learn(.include(replacing: false), record, packet)
    case RecordType.block:
      // Who was not heard of can't stop.
      guard unsafe tables.memberships.lookup(key(record.group), at: moment, vnet: vnet) != nil else { return }
      learn(.block, record, packet)
    default:
      break
    }
  }

  private func key(_ group: IP6Address) -> MembershipKey {
    MembershipKey(group: group.wire, interface: interface)
  }

  private func learn(
    _ change: MembershipLesson.Change, _ record: ListenerMessage.Record, _ packet: borrowing Packet
  ) {
    // Read before the entry is locked.
    let sources = SourceList(record, of: packet)
    learn(MembershipLesson(change: change, version: 2, reporter: reporter, sources: sources), of: record.group)
  }

  private func learn(_ lesson: MembershipLesson, of group: IP6Address) {
    var lesson = lesson
    guard unsafe tables.memberships.learn(&lesson, of: key(group), at: moment, vnet: vnet) else { return }
    if lesson.isEmpty { leave(group) }
  }
}

/// The first sources of a record, and how many it has in all.
struct SourceList {
  var sources = InlineArray<8, IP6AddressBytes>(repeating: .unspecified)
  var kept = 0
  var total = 0

  init() {}

  init(_ record: ListenerMessage.Record, of packet: borrowing Packet) {
    total = record.sourceCount
    while kept < Swift.min(total, Membership.sourceLimit),
      let source = packet.address(at: record.sources &+ kept &* 16)
    {
      sources[kept] = source.wire
      kept &+= 1
    }
  }

  func contains(_ source: IP6AddressBytes) -> Bool {
    for index in 0..<kept where sources[index] == source { return true }
    return false
  }
}

extension Membership {
  /// How many of the sources are known by name.
  private var known: Int { Swift.min(Int(sourceCount), Self.sourceLimit) }

  fileprivate mutating func add(_ news: SourceList) {
    // Once there are too many to know them all, they go when the group is left, or by their time.
    guard Int(sourceCount) <= Self.sourceLimit, news.total <= Self.sourceLimit else {
      sourceCount = UInt16(clamping: Swift.max(Int(sourceCount), news.total))
      return
    }
    for index in 0..<news.kept where !holds(news.sources[index]) {
      if Int(sourceCount) < Self.sourceLimit { sources[Int(sourceCount)] = news.sources[index] }
      sourceCount &+= 1
      if Int(sourceCount) > Self.sourceLimit { return }
    }
  }

  fileprivate mutating func remove(_ gone: SourceList) {
    guard Int(sourceCount) <= Self.sourceLimit else { return }
    var kept = 0
    for index in 0..<known where !gone.contains(sources[index]) {
      sources[kept] = sources[index]
      kept &+= 1
    }
    sourceCount = UInt16(truncatingIfNeeded: kept)
  }

  private func holds(_ source: IP6AddressBytes) -> Bool {
    for index in 0..<known where sources[index] == source { return true }
    return false
  }
}
