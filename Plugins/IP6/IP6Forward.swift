import NetISRPlugin

/// Passes a packet on that is for somebody else (RFC 8200; RFC 4291, section 2.5.6, for scopes).
///
/// Every reason not to do so that its sender can do something about is told to it. The packet is changed only when it
/// is clear that it goes.
@inline(never)
func forward(_ received: consuming Packet, _ begun: HeaderChain) {
  guard let from = received.interface else { return DropReason.cantForward.count() }
  // What came as a broadcast, or was seen by chance on its way to another station, is none of a router's business.
  guard received.flags & (M_BCAST | M_MCAST | M_PROMISC) == 0, begun.source.isHost, begun.destination.isHost else {
    return DropReason.cantForward.count()
  }
  var chain = begun
  // The only extension header that is for those on the way.
  if chain.nextHeader == NextHeader.hopByHop {
    do throws(DropReason) {
      try chain.passHopByHop(of: received)
    } catch {
      error.count()
      if let problem = chain.problem { ICMP6Error.problem(problem).send(about: received) }
      return
    }
  }
  guard !chain.destination.isLinkLocal else { return DropReason.cantForward.count() }
  guard chain.hopLimit > 1 else {
    DropReason.cantForward.count()
    return ICMP6Error.hopLimitExceeded.send(about: received)
  }
  let vnet = received.vnet
  let hop: Hop
  do throws(NoHop) {
    hop = try unsafe routing.hop(
      from: chain.source, to: chain.destination, by: nil, vnet: vnet, isOwn: false)
  } catch {
    DropReason.cantForward.count()
    switch error {
    case .noRoute:
      unsafe counters.noroute.add()
      return ICMP6Error.noRoute.send(about: received)
    case .prohibited: return ICMP6Error.prohibited.send(about: received)
    case .blackhole: return
    }
  }
  // A link-local source means somebody else on another link.
  guard !chain.source.isLinkLocal || hop.interface.index == from.index else {
    DropReason.cantForward.count()
    return ICMP6Error.beyondScope.send(about: received)
  }
  guard received.count <= hop.mtu else {
    DropReason.cantForward.count()
    return ICMP6Error.tooBig(mtu: hop.mtu).send(about: received)
  }
  if hop.interface.index == from.index { Redirect.send(about: received, chain, by: hop) }
  guard var packet = received.headerWritable() else { return DropReason.noBuffers.count() }
  packet.setHopLimit(chain.hopLimit &- 1)
  unsafe counters.forward.add()
  unsafe resolution.send(packet, to: hop.address, by: hop.interface)
}
