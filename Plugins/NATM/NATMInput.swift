import NetISRPlugin

/// natm: ATM adaptation layer 5 (I.363.5) and its encapsulations (RFC 2684).
///
/// Interfaces hand over what they have (natm.h): cells, which are put together here, PDUs, payloads, or management.
/// What is in a PDU goes to IP, IPv6, ARP or ether. A packet with M_NEXTHOP is none of theirs, but one of IP's that is to be
/// sent.
func natmInput(_ frame: consuming Packet) {
  guard frame.flags & M_NEXTHOP == 0 else { return natmOutput(frame) }
  let size = MemoryLayout<atm_frame>.size
  guard var packet = frame.contiguous(size), let header = packet.load(at: 0, initial: atm_frame()) else {
    return DropReason.tooShort.count()
  }
  packet.removeFirst(size)

  let form = Int32(header.af_form)
  guard form != ATM_FORM_CELL else { return cellInput(packet) }
  guard form == ATM_FORM_PDU || form == ATM_FORM_SDU || form == ATM_FORM_OAM else { return DropReason.tooShort.count() }
  let circuit = Circuit(vpi: header.af_vpi, vci: header.af_vci, interface: packet.interface?.index ?? 0)
  if form == ATM_FORM_OAM || circuit.isManagement {
    circuit.record(cells: 0, pdus: 0, time: packet.timestamp, vnet: packet.vnet)
    return managementInput(circuit)
  }
  guard unsafe permanentCircuits.take(circuit, from: packet.interface) else { return unsafe counters.nocircuit.add() }
  circuit.record(cells: 0, pdus: 1, time: packet.timestamp, vnet: packet.vnet)
  pduInput(packet, isChecked: form == ATM_FORM_SDU)
}

/// One cell.
private func cellInput(_ frame: consuming Packet) {
  guard frame.count >= CellHeader.cellSize, let cell = frame.contiguous(CellHeader.cellSize) else {
    return DropReason.tooShort.count()
  }
  unsafe counters.cells.add()
  let header: CellHeader
  do throws(DropReason) {
    header = try CellHeader(cell.bytes)
  } catch {
    return error.count()
  }
  let circuit = Circuit(vpi: header.vpi, vci: header.vci, interface: cell.interface?.index ?? 0)
  let isManagement = circuit.isManagement
  guard circuit.purpose != .idle else { return unsafe counters.idle.add() }
  guard !isManagement, case .user(let endsPDU) = header.payloadType else {
    circuit.record(cells: 1, pdus: 0, time: cell.timestamp, vnet: cell.vnet)
    guard !isManagement else { return managementInput(circuit) }
    switch header.payloadType {
    case .oam: return unsafe counters.oam.add()
    case .resourceManagement: return unsafe counters.rm.add()
    default: return unsafe counters.reserved.add()
    }
  }
  guard unsafe permanentCircuits.take(circuit, from: cell.interface) else { return unsafe counters.nocircuit.add() }
  let pdu = reassemble(cell, of: circuit, endsPDU: endsPDU)
  circuit.record(cells: 1, pdus: pdu == nil ? 0 : 1, time: cell.timestamp, vnet: cell.vnet)
  if let pdu { pduInput(pdu, isChecked: false) }
}

/// What runs the network itself is counted, and goes to nobody.
private func managementInput(_ circuit: Circuit) {
  switch circuit.purpose {
  case .signalling: unsafe counters.signalling.add()
  case .ilmi: unsafe counters.ilmi.add()
  case .resourceManagement: unsafe counters.rm.add()
  case .oam, .idle, .user: unsafe counters.oam.add()
  }
}

extension Circuit {
  /// The circuit is set aside for running the network.
  var isManagement: Bool {
    switch purpose {
    case .idle, .user: false
    case .signalling, .oam, .resourceManagement, .ilmi: true
    }
  }
}
