import NetISRPlugin

/// ip6: the input side of IPv6 (RFC 8200).
///
/// Checks the fixed header, walks the extension headers, puts fragments together, and hands what is for this station to
/// ICMPv6, to UDP and to who claims the rest; as a router it passes on what is not. The first check that a packet fails
/// counts it, once, and drops it. On interfaces that only listen, nothing is answered or passed on.
///
/// A packet with M_LOCALOUT is none that came in, but one that this host has made; one with M_NEXTHOP has all but a link
/// header.
func ip6Input(_ received: consuming Packet) {
  if received.flags & (M_LOCALOUT | M_NEXTHOP) != 0 { return ip6Send(received) }
  unsafe counters.total.add()
  guard received.count >= IP6Header.size else { return DropReason.tooShort.count() }
  guard var packet = received.contiguous(IP6Header.size) else { return DropReason.noBuffers.count() }

  var chain: HeaderChain
  let arrival: Arrival
  do throws(DropReason) {
    chain = try HeaderChain(packet)
    arrival = try Arrival(of: chain, on: packet.interface, vnet: packet.vnet)
  } catch {
    return error.count()
  }
  // Link-level padding.
  packet.truncate(to: chain.end)
  if arrival != .here {
    if arrival == .elsewhere { return forward(packet, chain) }
    chain.isForForeignGroup = true
  }

  // Before the loop, so that what it needs is not made ready for packets without extension headers.
  if !chain.hasExtension { return deliver(packet, chain) }
  return walk(packet, chain)
}

/// Sends what is not to be received.
@inline(never)
private func ip6Send(_ packet: consuming Packet) {
  if packet.isGroupNotice { return unsafe stations.lookSoon() }
  guard packet.flags & M_NEXTHOP != 0 else { return ip6Output(packet) }
  guard let (high, low) = packet.nextHopIPv6, let interface = packet.interface else {
    return unsafe counters.txfailed.add()
  }
  unsafe resolution.send(packet, to: IP6Address(high: high, low: low), by: interface)
}

/// Steps over extension headers, and puts fragments together.
@inline(never)
private func walk(_ received: consuming Packet, _ begun: HeaderChain) {
  var packet = received
  var chain = begun
  var isReassembled = false
  while true {
    let stop: HeaderChain.Stop
    do throws(DropReason) {
      stop = try chain.advance(over: packet)
    } catch {
      error.count()
      if let problem = chain.problem { ICMP6Error.problem(problem).send(about: packet) }
      return
    }
    switch stop {
    case .upperLayer:
      // A Jumbo option may have said where the padding begins.
      packet.truncate(to: chain.end)
      return deliver(packet, chain)
    case .fragment(let header):
      // Fragments inside of a datagram that came in fragments: nobody sends that in good faith.
      guard !isReassembled else { return DropReason.fragment.count() }
      guard let whole = reassemble(packet, header, chain) else { return }
      chain.continue(with: whole.description)
      packet = whole.take()
      isReassembled = true
    }
  }
}

/// Where a packet belongs.
private enum Arrival {
  case here
  /// To a group of which this station is no member: only who learns about groups looks at it.
  case foreignGroup
  case elsewhere

  /// On an interface that only listens, everything belongs here; on others, what goes to this host's addresses and groups.
  @inline(__always)
  init(of chain: HeaderChain, on interface: Interface?, vnet: UInt32) throws(DropReason) {
    guard let interface, !interface.isMonitor else {
      self = .here
      return
    }
    // ::1 never leaves a node (RFC 4291, section 2.5.3).
    let isLoop = interface.type == UInt32(IFT_LOOP)
    guard isLoop || !(chain.source.isLoopback || chain.destination.isLoopback) else { throw .badScope }
    if unsafe addresses.isOwn(chain.destination, on: interface.index, vnet: vnet) {
      self = .here
    } else if chain.destination.isMulticast {
      self = unsafe groups.contains(chain.destination, on: interface.index, vnet: vnet) ? .here : .foreignGroup
    } else if unsafe settings.forwarding.isOn {
      self = .elsewhere
    } else {
      throw .cantForward
    }
  }
}

/// Hands a packet to its upper layer.
@inline(__always)
private func deliver(_ packet: consuming Packet, _ chain: HeaderChain) {
  switch chain.nextHeader {
  case NextHeader.icmp6:
    unsafe counters.delivered.add()
    return icmp6Input(packet, chain)
  case NextHeader.none:
    return DropReason.noNextHeader.count()
  case NextHeader.tcp: unsafe counters.tcp.add()
  case NextHeader.udp: unsafe counters.udp.add()
  case NextHeader.udpLite: unsafe counters.udplite.add()
  case NextHeader.sctp: unsafe counters.sctp.add()
  case NextHeader.ipv4, NextHeader.ipv6, NextHeader.gre: unsafe counters.encap.add()
  default: break
  }
  deliverAbove(packet, chain)
}
