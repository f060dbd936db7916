import NetISRPlugin

/// Sends a network-layer packet by the circuit that its interface stands for (`if_output` in ifnet.h). Whoever is at the
/// circuit's other end is the next hop, whatever its address: nothing is resolved.
func natmOutput(_ packet: consuming Packet) {
  let type: UInt16 = packet.nextHopIPv6 == nil ? EtherType.ip : EtherType.ip6
  guard let interface = packet.interface, !interface.isMonitor,
    let circuit = unsafe permanentCircuits.circuit(of: interface)
  else {
    return unsafe counters.sndNoCircuit.add()
  }
  var pdu = packet
  if circuit.hasLLC {
    guard let longer = pdu.prepending(8) else { return unsafe counters.sndFailed.add() }
    pdu = longer
    var header = pdu.mutableBytes
    guard header.byteCount >= 8 else { return unsafe counters.sndFailed.add() }
    let snap = PermanentCircuit.snap(type)
    header.setU32(0, UInt32(truncatingIfNeeded: snap >> 32))
    header.setU32(4, UInt32(truncatingIfNeeded: snap))
  }
  guard pdu.count <= AAL5.maxPayload else { return unsafe counters.sndTooLong.add() }
  guard AAL5.close(&pdu) else { return unsafe counters.sndFailed.add() }
  send(pdu, by: circuit, of: interface)
}

/// Cuts a PDU into the cells of a circuit. If one of them is not taken, the rest would be in vain: the receiver drops the
/// PDU anyway.
private func send(_ pdu: consuming Packet, by circuit: PermanentCircuit, of interface: Interface) {
  sendTurn.take()
  defer { sendTurn.pass() }
  let count = pdu.count
  var offset = 0
  while offset < count {
    let next = offset &+ CellHeader.payloadSize
    guard let cell = AAL5.cell(of: pdu, at: offset, circuit, isLast: next >= count),
      cell.transmit(by: interface) == 0
    else {
      return unsafe counters.sndFailed.add()
    }
    unsafe counters.sndCells.add()
    offset = next
  }
  unsafe counters.sndPDUs.add()
}
