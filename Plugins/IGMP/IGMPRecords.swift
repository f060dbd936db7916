import NetISRPlugin

/// A group record of a version 3 report (RFC 3376, section 4.2.4).
struct GroupRecord {
  let type: UInt8
  let sourceCount: Int
  let group: Group

  /// Record types (section 4.2.12).
  static let isInclude: UInt8 = 1
  static let isExclude: UInt8 = 2
  static let toInclude: UInt8 = 3
  static let toExclude: UInt8 = 4
  static let allowSources: UInt8 = 5
  static let blockSources: UInt8 = 6

  /// What the record says of its group; nil when it must be passed over (unknown type, group that nobody joins).
  var meaning: Meaning? {
    guard group.isReportable else { return nil }
    switch type {
    case Self.isExclude, Self.toExclude: return .member(.exclude)
    // Nothing included: not a member any more.
    case Self.isInclude, Self.toInclude: return sourceCount == 0 ? .left : .member(.include)
    case Self.allowSources: return .sourcesAdded
    case Self.blockSources: return .sourcesTaken
    default: return nil
    }
  }

  enum Meaning {
    case member(FilterMode)
    case left
    /// A member, in the mode it already has.
    case sourcesAdded
    /// Says nothing without the list of sources, which is not kept here.
    case sourcesTaken
  }
}

/// The group records of a report, one after the other: they differ in length, and there may be more of them than one
/// mbuf holds.
struct GroupRecords: ~Escapable {
  private var cursor: PacketCursor
  /// Records that the report still promises.
  private var left: Int

  /// The records in the `length` bytes at `offset` of `packet`.
  @_lifetime(borrow packet)
  init(_ packet: borrowing Packet, at offset: Int, length: Int, count: Int) {
    cursor = PacketCursor(packet, from: offset, count: length)
    left = count
  }

  /// The next record; nil behind the last one. Throws when the message ends inside of it.
  @_lifetime(self: copy self)
  mutating func next() throws(DropReason) -> GroupRecord? {
    guard left > 0 else { return nil }
    left &-= 1
    guard let type = cursor.u8(), let auxiliaryWords = cursor.u8(), let sources = cursor.u16(),
      let group = cursor.u32(), cursor.skip((Int(sources) &+ Int(auxiliaryWords)) &* 4)
    else { throw .badReport }
    return GroupRecord(type: type, sourceCount: Int(sources), group: Group(number: group))
  }
}
