import NetISRPlugin

/// Hands a whole datagram to the layer above: ICMP is part of this plugin; IGMP is one of its own, and gets the IP header
/// too, which it has to look at. For everything else there is nobody yet.
func deliver(_ packet: consuming Packet, _ header: IPHeader) {
  unsafe protocolCounters.count(header.protocolNumber)
  switch header.protocolNumber {
  case ProtocolNumber.icmp:
    unsafe counters.delivered.add()
    icmpInput(packet, header)
  case ProtocolNumber.igmp:
    if packet.dispatch(to: NETISR_IGMP) == EPROTONOSUPPORT {
      unsafe counters.noproto.add()
    } else {
      unsafe counters.delivered.add()
    }
  default:
    unsafe counters.noproto.add()
  }
}
