import NetISRPlugin

/// A whole PDU of an interface that reassembles, or of our own: checks it, and delivers its payload.
func pduInput(_ pdu: consuming Packet, isChecked: Bool) {
  unsafe counters.pdus.add()
  var pdu = pdu
  do throws(DropReason) {
    if !isChecked {
      // The trailer is the end: without it there is nothing to check the PDU by.
      guard pdu.wireCount == pdu.count else { throw .truncated }
      try AAL5.open(&pdu)
    }
    try deliver(pdu)
  } catch {
    error.count()
  }
}

/// Takes the encapsulation off and hands the payload to its protocol.
private func deliver(_ pdu: consuming Packet) throws(DropReason) {
  let reach = pdu.count < Encapsulation.reach ? pdu.count : Encapsulation.reach
  guard var packet = pdu.contiguous(reach) else { throw .truncated }
  let encapsulation = try Encapsulation(packet.bytes, count: packet.wireCount)
  packet.removeFirst(encapsulation.headerLength)

  switch encapsulation.payload {
  case .ip:
    unsafe counters.ip.add()
    packet.dispatch(to: NETISR_IP)
  case .ip6:
    unsafe counters.ip6.add()
    packet.dispatch(to: NETISR_IPV6)
  case .arp:
    unsafe counters.arp.add()
    packet.dispatch(to: NETISR_ARP)
  case .ethernet(let hasFCS):
    if hasFCS { try packet.removeFCS() }
    guard packet.count >= 14 else { throw .truncated }
    unsafe counters.bridged.add()
    packet.dispatch(to: NETISR_ETHER)
  }
}

extension Packet {
  /// Takes the FCS off the end of an Ethernet frame, as far as it was captured. It is not checked: the PDU's own CRC-32
  /// has spoken for the same bytes.
  fileprivate mutating func removeFCS() throws(DropReason) {
    guard wireCount >= 14 &+ 4 else { throw .truncated }
    truncate(to: wireCount &- 4)
  }
}
