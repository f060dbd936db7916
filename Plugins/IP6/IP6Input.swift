import NetISRPlugin

/// ip6: the input side of IPv6 (RFC 8200).
///
/// Checks the fixed header, walks the extension headers, puts fragments together, and hands what is for us to ICMPv6. The
/// first check that a packet fails counts it, once, and drops it. Nothing is sent and nothing forwarded yet.
func ip6Input(_ received: consuming Packet) {
  unsafe counters.total.add()
  guard received.count >= IP6Header.size else { return DropReason.tooShort.count() }
  guard var packet = received.contiguous(IP6Header.size) else { return DropReason.noBuffers.count() }

  var chain: HeaderChain
  do throws(DropReason) {
    chain = try HeaderChain(packet)
    try checkArrival(chain, on: packet.interface)
  } catch {
    return error.count()
  }
  // Link-level padding.
  packet.truncate(to: chain.end)

  // Before the loop, so that what it needs is not made ready for packets without extension headers.
  if !chain.hasExtension { return deliver(packet, chain) }
  return walk(packet, chain)
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
      return error.count()
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

/// Whether the packet belongs here, coming from where it does. On an interface that only listens, everything does; on
/// others, what goes to the interface's own addresses or to a multicast group.
private func checkArrival(_ chain: HeaderChain, on interface: Interface?) throws(DropReason) {
  guard let interface, !interface.isMonitor else { return }
  // ::1 never leaves a node (RFC 4291, section 2.5.3).
  let isLoop = interface.type == UInt32(IFT_LOOP)
  guard isLoop || !(chain.source.isLoopback || chain.destination.isLoopback) else { throw .badScope }
  guard !chain.destination.isMulticast else { return }
  guard interface.hasIPv6(high: chain.destination.high, low: chain.destination.low) else { throw .cantForward }
}

/// Hands a packet to its upper layer, which here is ICMPv6; the others are counted.
@inline(__always)
private func deliver(_ packet: consuming Packet, _ chain: HeaderChain) {
  switch chain.nextHeader {
  case NextHeader.icmp6:
    unsafe counters.delivered.add()
    icmp6Input(packet, chain)
    return
  case NextHeader.none:
    return DropReason.noNextHeader.count()
  case NextHeader.tcp: unsafe counters.tcp.add()
  case NextHeader.udp: unsafe counters.udp.add()
  case NextHeader.udpLite: unsafe counters.udplite.add()
  case NextHeader.sctp: unsafe counters.sctp.add()
  case NextHeader.ipv4, NextHeader.ipv6, NextHeader.gre: unsafe counters.encap.add()
  default: break
  }
  unsafe counters.noproto.add()
}
