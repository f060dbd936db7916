import NetISRPlugin

/// ip_output: sends a datagram that was made in this host (M_LOCALOUT). It begins with a header of which the length,
/// type of service, don't-fragment flag, TTL, protocol, addresses and options are what its maker wants; a source of
/// 0.0.0.0 and a TTL of 0 are chosen here, the rest is filled in.
///
/// `rcvif` says of which vnet it is, and by which interface a group or all of a link are meant.
func ipOutput(_ packet: consuming Packet) {
  unsafe counters.localout.add()
  do throws(OutputFailure) {
    try send(packet)
  } catch {
    unsafe counters.odropped.add()
    switch error {
    case .noRoute: unsafe counters.noroute.add()
    case .cantFragment: unsafe counters.cantfrag.add()
    case .malformed, .noMemory, .refused: break
    }
  }
}

/// Why a datagram of this host does not leave it.
enum OutputFailure: Error {
  /// Not a header that can be sent.
  case malformed
  case noRoute
  /// Longer than the link allows, and not to be cut, or not possible.
  case cantFragment
  case noMemory
  /// The interface, or who resolves addresses, did not take it.
  case refused
}

private func send(_ input: consuming Packet) throws(OutputFailure) {
  guard let given = IPHeader(of: input), given.version == 4, given.length >= IPHeader.size,
    given.length <= input.count, input.count <= IPHeader.maximumPacket, !given.isFragment
  else { throw .malformed }
  let vnet = input.vnet
  let way = try way(from: given.source, to: given.destination, by: input.interface, vnet: vnet)
  guard var packet = input.writableHeader(given.length) else { throw .noMemory }
  packet.flags &= ~(M_LOCALOUT | M_BCAST | M_MCAST | M_PROMISC | M_VLANTAG | loopedFlag | manyFlag)
  packet.clearChecksumFlags()
  let total = packet.count

  var bytes = packet.mutableBytes
  // `writableHeader` has seen to it.
  guard bytes.byteCount >= given.length else { throw .noMemory }
  var source = given.source
  if source == 0 {
    guard let own = way.source else { throw .noRoute }
    source = own
    bytes.setU32(12, source)
  }
  bytes.setU16(2, UInt16(truncatingIfNeeded: total))
  bytes.setU16(4, Identification.next(source, given.destination, given.protocolNumber))
  if given.ttl == 0 { bytes.setU8(8, way.defaultTTL) }
  bytes.setHeaderChecksum(length: given.length)

  guard let hop = way.hop else { return try loopBack(packet, to: way.interface) }
  if total <= hop.mtu {
    guard packet.output(by: hop.interface, toIPv4: hop.address) == 0 else { throw .refused }
    return
  }
  guard !given.dontFragment, let header = IPHeader(of: packet),
    let fragmentation = Fragmentation(of: packet, header)
  else { throw .cantFragment }
  switch fragmentation.send(packet, to: hop) {
  case 0: unsafe counters.fragmented.add()
  case EMSGSIZE: throw .cantFragment
  case ENOBUFS: throw .noMemory
  default: throw .refused
  }
}

/// The way of a datagram out of this host, or back into it.
private struct Way {
  /// Nil: to this host itself.
  var hop: NextHop?
  /// Where it leaves the host; of one to this host itself, the interface that has the address.
  var interface: Interface
  /// The address that a sender without one gets; nil when there is none.
  var source: UInt32?
  var defaultTTL: UInt8
}

private func way(
  from source: UInt32, to destination: UInt32, by interface: Interface?, vnet: UInt32
) throws(OutputFailure) -> Way {
  let ttl = unsafe UInt8(truncatingIfNeeded: settings.ttl.value)
  if IPAddress.isGroup(destination) || destination == IPAddress.broadcast {
    guard let interface, interface.isUp, !interface.isMonitor else { throw .noRoute }
    return Way(
      hop: NextHop(interface: interface, address: destination, mtu: interface.mtu), interface: interface,
      // A sender without an address may speak to a group (RFC 3376, section 4.2.13).
      source: interface.sourceAddress(for: destination) ?? 0,
      // RFC 1112, section 6.1.
      defaultTTL: destination == IPAddress.broadcast ? ttl : 1)
  }
  guard IPAddress.isUnicast(destination) else { throw .noRoute }
  let match = unsafe onLink.match(destination, vnet: vnet)
  if let match, match.value.kind != OnLink.Kind.network {
    guard let interface = Interface(index: match.value.interface) else { throw .noRoute }
    let isOwn = match.value.kind == OnLink.Kind.own
    let hop = isOwn ? nil : NextHop(interface: interface, address: destination, mtu: interface.mtu)
    return Way(
      hop: hop, interface: interface, source: UInt32(bigEndian: match.value.address), defaultTTL: ttl)
  }
  do throws(RouteFailure) {
    let hop = unsafe try routes.nextHop(from: source, to: destination, vnet: vnet, onLink: match)
    return Way(
      hop: hop, interface: hop.interface, source: hop.interface.sourceAddress(for: hop.address), defaultTTL: ttl)
  } catch {
    throw .noRoute
  }
}

/// Has this host receive its own datagram; by the queue, so that who answers it in turn finds an end.
private func loopBack(_ looped: consuming Packet, to interface: Interface) throws(OutputFailure) {
  var packet = looped
  packet.setArrival(by: interface, at: netisr_time())
  packet.clearFlowID()
  packet.flags |= loopedFlag
  guard packet.queue(to: NETISR_IP) == 0 else { throw .refused }
}

/// Marks a packet that came from this host itself.
var loopedFlag: UInt32 { M_PROTO1 }
