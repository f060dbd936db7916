import NetISRPlugin

/// The sender's side of AAL5 (I.363.5, 9.2.1): a payload becomes a PDU, a PDU cells.
extension AAL5 {
  /// Bytes of the longest payload.
  static let maxPayload = 65_535

  /// Makes a PDU of a payload: pad, trailer, CRC-32. False when memory ran out; the payload is then of no use.
  static func close(_ payload: inout Packet) -> Bool {
    let count = payload.count
    let pad = (CellHeader.payloadSize &- (count &+ trailerSize) % CellHeader.payloadSize) % CellHeader.payloadSize
    let zeros = InlineArray<48, UInt8>(repeating: 0)
    guard unsafe payload.append(zeros.span.bytes.extracting(first: pad)) else { return false }
    // User-to-user indication and common part indicator are 0; then the length.
    let length: InlineArray<1, UInt32> = [UInt32(truncatingIfNeeded: count).bigEndian]
    guard unsafe payload.append(length.span.bytes) else { return false }
    let sum: InlineArray<1, UInt32> = [(~payload.crc32Remainder).bigEndian]
    return unsafe payload.append(sum.span.bytes)
  }

  /// One cell of a PDU, in the form in which interfaces take it (natm.h); nil when memory ran out. `offset` is that of a
  /// whole cell's payload in the PDU.
  static func cell(
    of pdu: borrowing Packet, at offset: Int, _ circuit: PermanentCircuit, isLast: Bool
  ) -> Packet? {
    // Payload type 0, or 1 for the last cell of a PDU (I.361, 2.2.4).
    let octets = UInt32(circuit.vpi & 0xff) << 20 | UInt32(circuit.vci) << 4 | (isLast ? 2 : 0)
    guard var cell = Packet.makeSmall() else { return nil }
    var frame = atm_frame()
    frame.af_form = UInt8(ATM_FORM_CELL)
    frame.af_pti = isLast ? 1 : 0
    frame.af_vpi = circuit.vpi
    frame.af_vci = circuit.vci
    // struct atm_frame and the cell's header: 8 and 5 bytes; then 48 of the PDU.
    var head = InlineArray<13, UInt8>(repeating: 0)
    unsafe withUnsafeBytes(of: frame) { source in
      for index in 0..<min(source.count, 8) { unsafe head[index] = source[index] }
    }
    for index in 0..<4 { head[8 &+ index] = UInt8(truncatingIfNeeded: octets >> UInt32(24 &- 8 &* index)) }
    head[12] = headerErrorControl(of: octets)
    guard let body = pdu.load(at: offset, initial: InlineArray<48, UInt8>(repeating: 0)),
      unsafe cell.append(head.span.bytes), unsafe cell.append(body.span.bytes)
    else { return nil }
    return cell
  }
}
