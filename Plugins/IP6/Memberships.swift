import NetISRPlugin

/// The key of `ip6.memberships`: the group in network order, the interface's index in host order.
struct MembershipKey: BitwiseCopyable {
  var group: IP6AddressBytes
  var interface: UInt32
}

/// The value of `ip6.memberships`: somebody on the link listens to the group.
///
/// Listeners are not told apart: who leaves is believed to be the last one, as long as no other reports again (a router
/// would ask; who only listens can't).
struct Membership: BitwiseCopyable {
  /// When it was reported last: nanoseconds, by `clock`.
  var time: UInt64
  /// By whom, in network order; :: for one that has no address yet.
  var reporter: IP6AddressBytes
  var clock: UInt32
  /// Reports so far.
  var reports: UInt32
  /// 1: INCLUDE, of `sources` only; 2: EXCLUDE, of everybody (RFC 3810, section 4.2).
  var mode: UInt8
  /// The version of MLD that reported.
  var version: UInt8
  /// Sources of INCLUDE mode; more than `sourceLimit` are only counted.
  var sourceCount: UInt16
  var spare: UInt32
  var sources: InlineArray<8, IP6AddressBytes>

  static let include: UInt8 = 1
  static let exclude: UInt8 = 2
  static let sourceLimit = 8
}

/// Record types (RFC 3810, section 5.2.12).
private enum RecordType {
  static let isInclude: UInt8 = 1
  static let isExclude: UInt8 = 2
  static let toInclude: UInt8 = 3
  static let toExclude: UInt8 = 4
  static let allow: UInt8 = 5
  static let block: UInt8 = 6
}

/// Changes entries as reports say.
struct MembershipLearner {
  var interface: UInt32
  var vnet: UInt32
  var time: UInt64
  var clock: UInt32
  var reporter: IP6AddressBytes

  /// A version 1 report.
  func join(_ group: IP6Address) {
    visit(group) { membership, _ in
      membership.mode = Membership.exclude
      membership.sourceCount = 0
      touch(&membership, version: 1)
      return .keep
    }
  }

  /// A version 1 done.
  func leave(_ group: IP6Address) {
    unsafe tables.memberships.remove(MembershipKey(group: group.wire, interface: interface), vnet: vnet)
  }

  /// A record of a version 2 report; other types are ignored, as section 5.2.12 asks.
  func apply(_ record: ListenerMessage.Record, of packet: borrowing Packet) {
    switch record.type {
    case RecordType.isExclude, RecordType.toExclude:
      visit(record.group) { membership, _ in
        membership.mode = Membership.exclude
        membership.sourceCount = 0
        touch(&membership, version: 2)
        return .keep
      }
    case RecordType.isInclude, RecordType.toInclude:
      // Listening to nobody is how a listener leaves.
      guard record.sourceCount > 0 else { return leave(record.group) }
      allow(record, of: packet, replacing: true)
    case RecordType.allow:
      guard record.sourceCount > 0 else { return }
      allow(record, of: packet, replacing: false)
    case RecordType.block:
      block(record, of: packet)
    default:
      break
    }
  }

  private func allow(_ record: ListenerMessage.Record, of packet: borrowing Packet, replacing: Bool) {
    // Read before the entry is locked; what is beyond the limit is only counted.
    let news = SourceList(record, of: packet)
    visit(record.group) { membership, isNew in
      if isNew || replacing {
        membership.mode = Membership.include
        membership.sourceCount = 0
      }
      if membership.mode == Membership.include { membership.add(news) }
      touch(&membership, version: 2)
      return .keep
    }
  }

  private func block(_ record: ListenerMessage.Record, of packet: borrowing Packet) {
    let gone = SourceList(record, of: packet)
    visit(record.group) { membership, isNew in
      if isNew { return .remove }
      guard membership.mode == Membership.include else {
        touch(&membership, version: 2)
        return .keep
      }
      membership.remove(gone)
      if membership.sourceCount == 0 { return .remove }
      touch(&membership, version: 2)
      return .keep
    }
  }

  private func touch(_ membership: inout Membership, version: UInt8) {
    membership.time = time
    membership.clock = clock
    membership.reporter = reporter
    membership.reports &+= 1
    membership.version = version
  }

  private func visit(_ group: IP6Address, _ body: (inout Membership, Bool) -> TableVerdict) {
    let key = MembershipKey(group: group.wire, interface: interface)
    if unsafe tables.memberships.update(key, vnet: vnet, body) { return }
    // The table is full: the entry that was made first goes.
    _ = unsafe tables.memberships.evictOldest(vnet: vnet) { _, _ in }
    _ = unsafe tables.memberships.update(key, vnet: vnet, body)
  }
}

/// The sources of a record, up to the limit, and how many there are in all.
struct SourceList {
  var sources = InlineArray<8, IP6AddressBytes>(repeating: .unspecified)
  var kept = 0
  var total: Int

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
    // Once there are too many to know, only counting is left: they go when the group is left, or by their time.
    if Int(sourceCount) > Self.sourceLimit || news.total > Self.sourceLimit {
      sourceCount = UInt16(clamping: Swift.max(Int(sourceCount), news.total, Self.sourceLimit &+ 1))
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
