import NetISRPlugin

/// igmp: learns which groups have members from what hosts report, and reports the groups of this host (RFC 1112, RFC 2236,
/// RFC 3376; `HostGroups`).
///
/// A packet starts with its IP header, as ip hands it on. Router alert and a TTL of 1 are what a sender must set, not
/// what a receiver asks for.
func igmpInput(_ input: consuming Packet) {
  guard !input.isGroupNotice else { return unsafe hostGroups.look() }
  unsafe counters.total.add()
  let wanted = IPHeader.limit &+ V3Query.size
  let reach = input.count < wanted ? input.count : wanted
  guard let packet = input.contiguous(reach) else { return DropReason.noMemory.count() }

  do throws(DropReason) {
    try consider(packet)
  } catch {
    error.count()
  }
}

/// Checks that the message is all there and unharmed, before anything in it is believed.
private func consider(_ packet: borrowing Packet) throws(DropReason) {
  let header = try IPHeader(packet.bytes)
  let range = MessageRange(offset: header.length, count: header.totalLength &- header.length)
  // What was not captured can't be summed up either.
  guard range.count >= IGMPMessage.size, packet.count >= header.totalLength,
    let message = IGMPMessage(packet.bytes.extracting(droppingFirst: range.offset))
  else { throw .tooShort }
  var checksum = InternetChecksum()
  packet.add(from: range.offset, count: range.count, to: &checksum)
  guard checksum.value == 0 else { throw .badChecksum }
  try learn(from: message, range, of: packet, sender: header.source)
}

/// Where in its packet a message is; checked.
private struct MessageRange {
  let offset: Int
  let count: Int
}

/// A message that is all there: counts it by its type, and learns from it.
private func learn(
  from message: borrowing IGMPMessage, _ range: MessageRange, of packet: borrowing Packet, sender: UInt32
) throws(DropReason) {
  let group = message.group
  // A copy of what this host has said.
  if packet.isLocalOutput { unsafe counters.ourReports.add() }

  switch message.type {
  case MessageType.query:
    try inputQuery(message, range, of: packet)
  case MessageType.v1Report:
    unsafe counters.v1Reports.add()
    guard group.isReportable else { throw .badReport }
    unsafe memberships.confirm(group, mode: .exclude, by: Report(version: 1, from: sender, in: packet))
    hearReport(of: group, packet)
  case MessageType.v2Report:
    unsafe counters.v2Reports.add()
    guard group.isReportable else { throw .badReport }
    unsafe memberships.confirm(group, mode: .exclude, by: Report(version: 2, from: sender, in: packet))
    hearReport(of: group, packet)
  case MessageType.leave:
    unsafe counters.leaves.add()
    guard group.isReportable else { throw .badReport }
    unsafe memberships.leave(group, by: Report(version: 2, from: sender, in: packet))
  case MessageType.v3Report:
    unsafe counters.v3Reports.add()
    try inputRecords(message.recordCount, range, of: packet, Report(version: 3, from: sender, in: packet))
  default:
    unsafe counters.other.add()
  }
}

/// Somebody has reported a group in version 1 or 2; perhaps this host itself.
private func hearReport(of group: Group, _ packet: borrowing Packet) {
  guard !packet.isLocalOutput, let interface = packet.interface, !interface.isMonitor else { return }
  unsafe hostGroups.hearReport(of: group, on: interface, vnet: packet.vnet)
}

/// A query teaches nothing of members, but asks this host for its own. Its version shows in its length (RFC 3376,
/// section 7.1); a length in between is of none.
private func inputQuery(
  _ message: borrowing IGMPMessage, _ range: MessageRange, of packet: borrowing Packet
) throws(DropReason) {
  let isGroupSound = message.group == .any || message.group.isMulticast
  if range.count == IGMPMessage.size {
    unsafe counters.v1v2Queries.add()
    // Version 1 has the group ignored (RFC 1112, appendix I).
    guard message.code == 0 || isGroupSound else { throw .badQuery }
    return hear(
      message.code == 0
        ? Query(version: 1, group: .any, ticks: 10 &* HostTimer.second)
        : Query(version: 2, group: message.group, ticks: UInt32(message.code)), packet)
  }
  guard range.count >= V3Query.size else { throw .badQuery }
  unsafe counters.v3Queries.add()
  // In bounds: `igmpInput` made the longest header and V3Query.size contiguous, and the message has so many bytes.
  let sources = Int(packet.bytes.u16(range.offset &+ V3Query.sourceCountOffset))
  let needed = V3Query.size &+ sources &* V3Query.sourceSize
  guard isGroupSound, range.count >= needed else { throw .badQuery }
  guard packet.interface.map({ !$0.isMonitor }) ?? false else { return }
  var query = Query(version: 3, group: message.group, ticks: max(1, Query.value(message.code)))
  query.robustness = UInt32(packet.bytes.u8(range.offset &+ 8) & 7)
  query.interval = Query.value(packet.bytes.u8(range.offset &+ 9))
  if sources <= HostGroup.sourceLimit {
    query.sourceCount = sources
    for index in 0..<sources {
      query.sources[index] = packet.load(at: range.offset &+ V3Query.size &+ index &* 4, initial: 0) ?? 0
    }
  }
  hear(query, packet)
}

/// A sound query: this host has perhaps something to answer.
private func hear(_ query: Query, _ packet: borrowing Packet) {
  guard !packet.isLocalOutput, let interface = packet.interface else { return }
  unsafe hostGroups.hear(query, on: interface, vnet: packet.vnet)
}

/// The records of a version 3 report. They are read to the end before anything is learned: a report that breaks off
/// teaches nothing.
private func inputRecords(
  _ count: Int, _ range: MessageRange, of packet: borrowing Packet, _ report: Report
) throws(DropReason) {
  let offset = range.offset &+ IGMPMessage.size
  let length = range.count &- IGMPMessage.size
  var check = GroupRecords(packet, at: offset, length: length, count: count)
  while try check.next() != nil {}

  var records = GroupRecords(packet, at: offset, length: length, count: count)
  while let record = try records.next() {
    switch record.meaning {
    case .member(let mode): unsafe memberships.confirm(record.group, mode: mode, by: report)
    case .sourcesAdded: unsafe memberships.confirm(record.group, mode: nil, by: report)
    case .left: unsafe memberships.leave(record.group, by: report)
    case .sourcesTaken: break
    case nil: unsafe counters.badrecords.add()
    }
  }
}

/// Why a packet is refused.
enum DropReason: Error {
  case badHeader
  case tooShort
  case badChecksum
  case badQuery
  case badReport
  case noMemory

  func count() {
    switch self {
    case .badHeader: unsafe counters.badheader.add()
    case .tooShort: unsafe counters.tooshort.add()
    case .badChecksum: unsafe counters.badsum.add()
    case .badQuery: unsafe counters.badqueries.add()
    case .badReport: unsafe counters.badreports.add()
    case .noMemory: unsafe counters.nobufs.add()
    }
  }
}
