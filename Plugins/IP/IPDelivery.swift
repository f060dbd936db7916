import NetISRPlugin

/// Hands a whole datagram to the layer above: ICMP and the way to UDP ports are part of this plugin; IGMP is one of its own,
/// and gets the IP header too, which it has to look at; of the rest, whatever somebody has claimed. Whoever sent something
/// else is told.
func deliver(_ packet: consuming Packet, _ header: IPHeader) {
  unsafe protocolCounters.count(header.protocolNumber)
  switch header.protocolNumber {
  case ProtocolNumber.icmp:
    unsafe counters.delivered.add()
    icmpInput(packet, header)
  case ProtocolNumber.udp:
    udpInput(packet, header)
  case ProtocolNumber.igmp:
    count(packet.hand(to: NETISR_IGMP))
  default:
    if unsafe !claims.isEmpty, let holder = unsafe claims.holder(of: .ipProtocol(header.protocolNumber)) {
      return count(packet.hand(to: holder))
    }
    unsafe counters.noproto.add()
    ICMPError.unreachable(.protocolNumber).send(about: packet, header)
  }
}

/// Counts what became of a datagram that was handed on.
private func count(_ error: Int32) {
  if error == EPROTONOSUPPORT {
    unsafe counters.noproto.add()
  } else {
    unsafe counters.delivered.add()
  }
}
