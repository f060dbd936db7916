import NetISRPlugin

/// ip_forward: sends a packet for another host on its way (RFC 1812, section 5.2), when "net.inet.ip.forwarding" is on.
///
/// Fragments go on as they are. Whoever sent what can't go on is told why.
///
/// - Parameters:
///   - packet: as it came in, without padding.
///   - options: where in the header they are.
///   - match: what "ip.onlink" says of the destination.
func forward(
  _ packet: consuming Packet, _ header: IPHeader, _ options: IPOptions, _ match: OnLinkTable.Match?
) throws(DropReason) {
  guard unsafe settings.forwarding.isOn, let interface = packet.interface else { throw .cantForward }
  // What all of a link have is for this link (RFC 1812, section 5.3.4); so is a network's broadcast (RFC 2644).
  guard packet.flags & (M_BCAST | M_MCAST) == 0, IPAddress.isForwardable(header.source),
    IPAddress.isForwardable(header.destination), match?.value.kind != OnLink.Kind.broadcast,
    // A capture's packets may be cut.
    packet.count >= header.totalLength
  else { throw .cantForward }
  if options.isSourceRouted {
    ICMPError.unreachable(.sourceRouteFailed).send(about: packet, header)
    throw .cantForward
  }
  guard header.ttl > 1 else {
    ICMPError.timeExceeded.send(about: packet, header)
    throw .cantForward
  }
  let hop = try nextHop(of: packet, header, interface, match)
  if header.totalLength > hop.mtu, header.dontFragment {
    unsafe counters.cantfrag.add()
    ICMPError.fragmentationNeeded(mtu: hop.mtu).send(about: packet, header)
    throw .cantForward
  }
  if hop.interface.index == interface.index { tellShorterWay(of: packet, header, hop) }

  // From here on, it is another packet than came in.
  guard var next = packet.writableHeader(header.length) else { throw .cantForward }
  var bytes = next.mutableBytes
  guard bytes.byteCount >= header.length else { throw .cantForward }
  bytes.setU8(8, header.ttl &- 1)
  bytes.setU16(10, header.checksumAfterHop(bytes.bytes.u16(10)))
  if header.length > IPHeader.size { record(options, header, hop, vnet: interface.vnet, in: &bytes) }
  guard header.totalLength > hop.mtu else {
    guard next.output(by: hop.interface, toIPv4: hop.address) == 0 else { throw .cantForward }
    return unsafe counters.forward.add()
  }
  guard let changed = IPHeader(of: next), let fragmentation = Fragmentation(of: next, changed),
    fragmentation.send(next, to: hop) == 0
  else { throw .cantForward }
  unsafe counters.fragmented.add()
  unsafe counters.forward.add()
}

/// A packet comes back from address resolution: its next hop does not say where it is. If it was forwarded, its sender is
/// told; as it is now, with one hop less.
func ipUndelivered(_ packet: consuming Packet) {
  unsafe counters.hostunreach.add()
  guard let interface = packet.interface, let header = IPHeader(of: packet),
    unsafe onLink.match(header.source, vnet: interface.vnet)?.value.kind != OnLink.Kind.own
  else { return }
  ICMPError.unreachable(.host).send(about: packet, header)
}

/// The next hop; without one the sender is told.
@inline(__always)
private func nextHop(
  of packet: borrowing Packet, _ header: IPHeader, _ interface: Interface, _ match: OnLinkTable.Match?
) throws(DropReason) -> NextHop {
  do throws(RouteFailure) {
    return unsafe try routes.nextHop(
      from: header.source, to: header.destination, vnet: interface.vnet, onLink: match)
  } catch {
    unsafe counters.noroute.add()
    switch error {
    case .noRoute: ICMPError.unreachable(.network).send(about: packet, header)
    case .unreachable: ICMPError.unreachable(.host).send(about: packet, header)
    case .prohibited: ICMPError.unreachable(.prohibited).send(about: packet, header)
    case .blackhole: break
    }
    throw .cantForward
  }
}

/// The packet goes back to the link that it came from: its sender could have given it to the next hop itself
/// (RFC 1812, section 5.2.7.2).
@inline(never)
private func tellShorterWay(of packet: borrowing Packet, _ header: IPHeader, _ hop: NextHop) {
  guard unsafe settings.redirect.isOn, hop.interface.isOnLink(header.source), hop.interface.isOnLink(hop.address),
    hop.address != header.source
  else { return }
  unsafe counters.redirectsent.add()
  ICMPError.redirect(to: hop.address).send(about: packet, header)
}

/// Enters this host into options that record the way.
@inline(never)
private func record(
  _ options: IPOptions, _ header: IPHeader, _ hop: NextHop, vnet: UInt32, in bytes: inout MutableRawSpan
) {
  guard let own = hop.interface.sourceAddress(for: hop.address) else { return }
  if options.recordRoute > 0 { bytes.recordRoute(at: options.recordRoute, address: own) }
  if options.timestamp > 0 {
    let time = UniversalTime.milliseconds(at: netisr_time())
    bytes.recordTime(at: options.timestamp, address: own, time: time, vnet: vnet)
  }
  if options.recordRoute > 0 || options.timestamp > 0 { bytes.setHeaderChecksum(length: header.length) }
}
