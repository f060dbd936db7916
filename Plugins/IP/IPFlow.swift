import NetISRPlugin

/// nh_m2flow: the same number for a flow and its replies, and for all fragments of a datagram.
///
/// Runs before the header is checked, on any bytes: a packet that is too short for a header gets none, and is then ordered
/// by its source. A fragment shows no ports, except the first, which must not be the exception: all are hashed by
/// addresses, protocol and identification, and their datagram is handled where its last fragment was.
func setFlow(of packet: inout Packet) {
  guard let header = IPHeader(of: packet) else { return }
  var common = UInt64(header.protocolNumber)
  var ports: UInt32 = 0
  if header.isFragment {
    common |= UInt64(header.identification) << 16 | 1 << 32
  } else if ProtocolNumber.hasPorts(header.protocolNumber) && header.length >= IPHeader.size {
    ports = packet.word(at: header.length) ?? 0
  }
  var hash = FlowHash(common: common)
  hash.addEnd(0, UInt64(header.source), port: UInt16(truncatingIfNeeded: ports >> 16))
  hash.addEnd(0, UInt64(header.destination), port: UInt16(truncatingIfNeeded: ports))
  packet.setFlowID(hash.value, hashType: M_HASHTYPE_OPAQUE)
}
