import NetISRPlugin

/// A fragment's place in its datagram, checked by itself.
struct Fragment {
  /// Of the fragmentable part: where the data begin and end there, in bytes.
  var offset: Int
  var end: Int
  var more: Bool
  /// Where the data begin in the packet; before them, the Fragment header and the unfragmentable part.
  var position: Int
  var header: FragmentHeader
  /// Where the number of the Fragment header stands.
  var nextHeaderOffset: Int

  var headerLength: Int { position &- FragmentHeader.size }

  /// Refuses what RFC 8200, section 4.5, and RFC 7112 say of a single fragment.
  init(_ packet: borrowing Packet, _ header: FragmentHeader, _ chain: HeaderChain) throws(DropReason) {
    self.header = header
    offset = header.offset
    more = header.more
    position = chain.offset &+ FragmentHeader.size
    nextHeaderOffset = chain.nextHeaderOffset
    let length = chain.end &- position
    end = offset &+ length
    // What is empty adds nothing, and what is no multiple of 8 leaves a hole that none can fill.
    guard length > 0 else { throw .fragment }
    guard !more || length & 7 == 0 else { throw .fragmentLength }
    // The payload of the whole would be longer than its header can tell.
    guard chain.offset &- IP6Header.size &+ end <= ReassemblyLimit.payload else { throw .fragmentEnd }
    guard chain.end <= packet.count else { throw .snapped }
    guard offset > 0 || holdsHeaderChain(packet) else { throw .fragment }
  }

  /// Whether a first fragment holds all headers up to the upper layer's (RFC 7112): else nobody who looks only at it
  /// can tell what the datagram is.
  private func holdsHeaderChain(_ packet: borrowing Packet) -> Bool {
    let end = position &+ self.end
    var kind = header.nextHeader
    var position = position
    var headers = 0
    while NextHeader.isExtension(kind) {
      guard headers < HeaderLimit.headers, position &+ 8 <= end,
        let next = packet.u8(at: position), let lengthField = packet.u8(at: position &+ 1)
      else { return false }
      position &+= NextHeader.extensionLength(kind, lengthField: lengthField)
      kind = next
      headers &+= 1
    }
    return position &+ NextHeader.upperLayerMinimum(kind) <= end
  }
}

/// A datagram that waits for fragments: the value of `ip6.reassembly`.
///
/// Rules for fragments that meet (RFC 5722, RFC 8200): an exact duplicate is dropped alone; any other overlap, and any
/// contradiction about the end, gives up the whole datagram, which then stays as a dead entry until its minute is over, and
/// takes in the fragments still to come.
@safe
struct Datagram: BitwiseCopyable {
  /// The chain is the map's mbuf, with everything else behind it by m_next: who frees it frees all.
  var held: table_held
  /// When the first fragment to arrive did, by `clock`.
  var started: UInt64
  /// Bytes of the fragmentable part: that are here, in all (0: not known yet), and the farthest end so far.
  var received: UInt32 = 0
  var total: UInt32 = 0
  var farthest: UInt32 = 0
  /// Of the first fragment: its unfragmentable part with the fixed header, 0 when it is not here yet.
  var headerLength: UInt16 = 0
  var nextHeaderOffset: UInt16 = 0
  var nextHeader: UInt8 = 0
  var isDead: UInt8 = 0
  private var spare: UInt16 = 0
  /// The key's clock.
  var clock: UInt32
  /// The data.
  var buffer: DatagramBuffer

  init(started: Moment) {
    unsafe held = unsafe table_held()
    self.started = started.time
    clock = started.clock
    buffer = DatagramBuffer()
  }

  /// What became of a fragment.
  enum Outcome {
    case kept
    /// Dropped, with all that is given up with it: so many fragments.
    case dropped(UInt32)
    /// There is no memory for it.
    case noRoom
    case complete(Reassembled)
  }

  func isExpired(at now: Moment) -> Bool {
    guard let age = now.elapsed(since: Moment(clock: clock, time: started)) else { return false }
    return age >= ReassemblyLimit.timeout
  }

  /// Nothing is known of it.
  var isEmpty: Bool { unsafe held.th_packets == 0 && isDead == 0 }

  /// Frees what is held; how many fragments that were.
  mutating func clear() -> UInt32 {
    let fragments = unsafe held.th_packets
    unsafe m_freem(held.th_chain)
    unsafe held = unsafe table_held()
    buffer = DatagramBuffer()
    return fragments
  }

  /// Copies a fragment's data in.
  mutating func add(_ fragment: Fragment, from packet: UnsafeMutablePointer<mbuf>) -> Outcome {
    guard isDead == 0 else { return .dropped(1) }
    let end = UInt32(truncatingIfNeeded: fragment.end)
    // The last fragment says where the end is; nothing may lie behind, and no other may say otherwise.
    let contradicts =
      fragment.more ? total != 0 && end > total : (total != 0 && end != total) || farthest > end
    if contradicts { return giveUp() }
    guard unsafe DatagramBuffer.prepare(&held), let map = unsafe DatagramBuffer.map(held) else { return .noRoom }
    if map.holdsAny(from: fragment.offset, to: fragment.end) {
      // A duplicate says the same of the end, too.
      let endsAlike = fragment.more ? end != total : end == total
      let isDuplicate =
        unsafe endsAlike && map.isOneFragment(from: fragment.offset, to: fragment.end)
        && buffer.hasSameBytes(fragment, packet)
      return isDuplicate ? .dropped(1) : giveUp()
    }
    if fragment.offset == 0 {
      guard unsafe buffer.storeHeader(of: fragment, from: packet, &held) else { return .noRoom }
      headerLength = UInt16(truncatingIfNeeded: fragment.headerLength)
      nextHeaderOffset = UInt16(truncatingIfNeeded: fragment.nextHeaderOffset)
      nextHeader = fragment.header.nextHeader
    }
    guard unsafe buffer.store(fragment, from: packet, &held) else {
      // Its header is held, but not its data: as if it had not come.
      if fragment.offset == 0 { headerLength = 0 }
      return .noRoom
    }
    unsafe held.th_packets &+= 1
    received &+= end &- UInt32(truncatingIfNeeded: fragment.offset)
    farthest = Swift.max(farthest, end)
    if !fragment.more { total = end }

    guard total != 0, received == total, headerLength != 0 else { return .kept }
    // The fragment that brought the end may have had a shorter unfragmentable part than the first one.
    guard Int(headerLength) &- IP6Header.size &+ Int(total) <= ReassemblyLimit.payload else {
      let fragments = clear()
      isDead = 1
      return .dropped(fragments)
    }
    return .complete(
      Reassembled(
        headerLength: Int(headerLength), payloadLength: Int(total), nextHeader: nextHeader,
        nextHeaderOffset: Int(nextHeaderOffset), hopLimit: buffer.hopLimit))
  }

  /// The first fragment as it came, for a message to its sender; nil when it is not here, or was not sent to this host by
  /// a link on which it answers.
  func firstFragment(identification: UInt32) -> UnsafeMutablePointer<mbuf>? {
    guard headerLength != 0 else { return nil }
    return unsafe buffer.firstFragment(held, nextHeader: nextHeader, identification: identification)
  }

  /// The fragment in hand, and all before it.
  private mutating func giveUp() -> Outcome {
    isDead = 1
    return .dropped(clear() &+ 1)
  }

  /// Takes the whole datagram out as one packet: the first fragment's headers, with the length and the next header of
  /// the whole, and the arrival of the last one. Only after `.complete`.
  mutating func take(timing last: UnsafeMutablePointer<mbuf>) -> UnsafeMutablePointer<mbuf>? {
    let chain = unsafe buffer.join(
      held, headerLength: Int(headerLength), nextHeaderOffset: Int(nextHeaderOffset), nextHeader: nextHeader,
      total: Int(total))
    // Otherwise the entry still owns what it holds.
    guard let chain = unsafe chain else { return nil }
    unsafe held = unsafe table_held()
    buffer = DatagramBuffer()
    let length = Int32(headerLength) &+ Int32(truncatingIfNeeded: total)
    unsafe chain.pointee.m_pkthdr = last.pointee.m_pkthdr
    unsafe chain.pointee.m_pkthdr.len = length
    unsafe chain.pointee.m_pkthdr.wirelen = UInt32(length)
    // A fragment's flow and checksum say nothing of the whole.
    unsafe chain.pointee.m_pkthdr.rsstype = UInt8(M_HASHTYPE_NONE)
    unsafe chain.pointee.m_pkthdr.csum_flags = 0
    unsafe chain.pointee.m_flags |= last.pointee.m_flags & (M_BCAST | M_MCAST | M_PROMISC | M_VLANTAG)
    return unsafe chain
  }
}
