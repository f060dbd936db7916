import NetISRPlugin

/// ether: takes link headers off and hands the payload to its protocol.
///
/// Ethernet II, 802.1Q and 802.1ad tags in any nesting up to `Tag.limit`, and 802.3 with LLC/SNAP. The outermost
/// tag goes into the packet header, as on FreeBSD. What no protocol takes is counted and dropped.
func etherInput(_ frame: consuming Packet) {
  unsafe counters.total.add()
  // Most frames: a type right behind the addresses.
  if let plain = Demux(plainOf: frame) { return handOn(frame, plain) }
  // Enough for the header, all tags and SNAP; a shorter frame shows what it has.
  let wanted = EtherHeader.size &+ Tag.limit &* Tag.size &+ SNAP.size
  let reach = frame.count < wanted ? frame.count : wanted
  guard let packet = frame.contiguous(reach) else { return DropReason.noMemory.count() }

  let demux: Demux
  do throws(DropReason) {
    demux = try Demux(of: packet)
  } catch {
    return error.count()
  }
  handOn(packet, demux)
}

/// Takes the link headers off, and gives the payload to its protocol. Inlined, so that what a plain frame can't have
/// costs it nothing.
@inline(__always)
private func handOn(_ frame: consuming Packet, _ demux: Demux) {
  var packet = frame
  // A tag that the interface has taken off is outside of all that are left.
  if packet.vlanTag == nil, let tag = demux.outerTag { packet.vlanTag = tag }
  if packet.vlanTag != nil { unsafe counters.vlan.add() }
  if demux.isLLC { unsafe counters.llc.add() }
  packet.flags |= demux.flags(at: packet.interface)
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
  case badLength
  case noMemory

  func count() {
    switch self {
    case .tooShort: unsafe counters.tooshort.add()
    case .badLength: unsafe counters.badlen.add()
    case .noMemory: unsafe counters.nobufs.add()
    }
  }
}

/// What the link headers of a frame say: parsed once, front to back.
private struct Demux {
  /// The payload's type; nil for an 802.3 frame that is not SNAP, or below too many tags.
  var type: UInt16?
  /// Bytes before the payload.
  var headerLength = EtherHeader.size
  /// Where the frame ends, by an 802.3 length.
  var end: Int?
  var outerTag: UInt16?
  var isLLC = false
  let destination: UInt64
  let isMulticast: Bool
  let isBroadcast: Bool

  /// A frame that is nothing out of the ordinary; nil for all others, and when its header is in pieces.
  @inline(__always)
  init?(plainOf frame: borrowing Packet) {
    guard let header = EtherHeader(frame.bytes) else { return nil }
    let type = header.typeOrLength
    guard type >= EtherType.lowest, !EtherType.isTag(type) else { return nil }
    self.type = type
    destination = header.destination
    isMulticast = header.isMulticast
    isBroadcast = header.isBroadcast
  }

  /// The first bytes of the frame are in one piece, enough for all headers if there are so many.
  init(of frame: borrowing Packet) throws(DropReason) {
    let bytes = frame.bytes
    guard let header = EtherHeader(bytes) else { throw .tooShort }
    destination = header.destination
    isMulticast = header.isMulticast
    isBroadcast = header.isBroadcast

    let typeOrLength = try skipTags(bytes, from: header.typeOrLength)
    guard let typeOrLength else { return }
    if typeOrLength >= EtherType.lowest {
      type = typeOrLength
    } else {
      try enterLLC(bytes, length: typeOrLength, wireLength: frame.wireCount)
    }
  }

  /// Passes over all tags; the type or length behind them, or nil when there are too many.
  private mutating func skipTags(_ bytes: RawSpan, from first: UInt16) throws(DropReason) -> UInt16? {
    var type = first
    var tags = 0
    while EtherType.isTag(type) {
      guard tags < Tag.limit else { return nil }
      guard bytes.byteCount >= headerLength &+ Tag.size else { throw .tooShort }
      if tags == 0 { outerTag = bytes.u16(headerLength) }
      type = bytes.u16(headerLength &+ 2)
      headerLength &+= Tag.size
      tags &+= 1
    }
    return type
  }

  /// Reads what is behind a length.
  private mutating func enterLLC(_ bytes: RawSpan, length: UInt16, wireLength: Int) throws(DropReason) {
    let end = headerLength &+ Int(length)
    // Of a frame that was cut in capturing, what counts is what was on the wire.
    guard length >= LLC.size, length <= EtherType.highestLength, end <= wireLength else { throw .badLength }
    guard bytes.byteCount >= headerLength &+ LLC.size else { throw .tooShort }
    self.end = end
    guard !LLC.isRawNovell(bytes, at: headerLength) else { return }
    let isSNAP = SNAP.follows(bytes, at: headerLength)
    if isSNAP {
      guard length >= SNAP.size else { throw .badLength }
      guard bytes.byteCount >= headerLength &+ SNAP.size else { throw .tooShort }
    }
    isLLC = true
    if isSNAP, let inner = SNAP.type(in: bytes, at: headerLength) {
      type = inner
      headerLength &+= SNAP.size
    }
  }

  /// The packet flags that tell to whom the frame was sent. What an interface that only listens sees is never for
  /// somebody else.
  @inline(__always)
  func flags(at interface: Interface?) -> UInt32 {
    if isBroadcast { return M_BCAST }
    if isMulticast { return M_MCAST }
    guard let interface, !interface.isMonitor, let own = interface.etherAddress, own != destination else { return 0 }
    return M_PROMISC
  }
}
