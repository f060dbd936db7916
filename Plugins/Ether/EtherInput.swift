import NetISRPlugin

/// ether: takes link headers off and hands the payload to its protocol.
///
/// Ethernet II, 802.1Q and 802.1ad tags in any nesting up to `Tag.limit`, and 802.3 with LLC/SNAP. The outermost
/// tag goes into the packet header, as on FreeBSD. What no protocol takes is counted and dropped.
func etherInput(_ frame: consuming Packet) {
  unsafe counters.total.add()
  // Enough for the header, all tags and SNAP; a shorter frame shows what it has.
  let wanted = EtherHeader.size &+ Tag.limit &* Tag.size &+ SNAP.size
  let reach = frame.count < wanted ? frame.count : wanted
  guard var packet = frame.contiguous(reach) else { return unsafe counters.tooshort.add() }

  let demux: Demux
  do throws(DropReason) {
    demux = try Demux(packet.bytes, frameLength: packet.count)
  } catch {
    return error.count()
  }
  if let tag = demux.outerTag {
    unsafe counters.vlan.add()
    packet.vlanTag = tag
  }
  if demux.isLLC { unsafe counters.llc.add() }
  if demux.isBroadcast {
    packet.flags |= M_BCAST
  } else if demux.isMulticast {
    packet.flags |= M_MCAST
  }
  // An 802.3 length leaves the padding out; a type leaves it to the protocol.
  if let end = demux.end { packet.truncate(to: end) }
  packet.removeFirst(demux.headerLength)

  switch demux.type {
  case EtherType.ip:
    unsafe counters.ip.add()
    packet.dispatch(to: NETISR_IP)
  case EtherType.ip6:
    unsafe counters.ip6.add()
    packet.dispatch(to: NETISR_IPV6)
  case EtherType.arp:
    unsafe counters.arp.add()
    packet.dispatch(to: NETISR_ARP)
  default:
    unsafe counters.noproto.add()
  }
}

/// Why a frame goes no further.
enum DropReason: Error {
  case tooShort

  func count() {
    switch self {
    case .tooShort: unsafe counters.tooshort.add()
    }
  }
}

/// What the link headers of a frame say: parsed once, front to back.
private struct Demux {
  /// The payload's type; nil for an LLC frame that is not SNAP, or below too many tags.
  var type: UInt16?
  /// Bytes before the payload.
  var headerLength = EtherHeader.size
  /// Where the frame ends, by an 802.3 length.
  var end: Int?
  var outerTag: UInt16?
  var isLLC = false
  var isBroadcast: Bool
  var isMulticast: Bool

  init(_ bytes: RawSpan, frameLength: Int) throws(DropReason) {
    guard let header = EtherHeader(bytes) else { throw .tooShort }
    isBroadcast = header.isBroadcast
    isMulticast = header.isMulticast
    var type = header.typeOrLength

    var tags = 0
    while EtherType.isTag(type) {
      guard bytes.byteCount >= headerLength &+ Tag.size else { throw .tooShort }
      if tags == 0 { outerTag = bytes.u16(headerLength) }
      type = bytes.u16(headerLength &+ 2)
      headerLength &+= Tag.size
      tags &+= 1
      if tags == Tag.limit && EtherType.isTag(type) { return }
    }

    guard type < EtherType.lowest else {
      self.type = type
      return
    }
    isLLC = true
    let end = headerLength &+ Int(type)
    guard type >= 3, frameLength >= end else { throw .tooShort }
    self.end = end
    guard Int(type) >= SNAP.size, bytes.byteCount >= headerLength &+ SNAP.size else { return }
    if let inner = SNAP.type(in: bytes, at: headerLength) {
      self.type = inner
      headerLength &+= SNAP.size
    }
  }
}
