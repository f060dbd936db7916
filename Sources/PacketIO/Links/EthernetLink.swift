import CNetISR

/// LINKTYPE_ETHERNET: the frame from the destination address on, without FCS.
///
/// A frame shorter than its header goes to the protocol all the same, which counts it.  Where a capture keeps the FCS,
/// it stays as trailing bytes, which every payload's own length field excludes.
enum EthernetLink {
  static func decode(_ frame: RawSpan, wireLength: Int) -> Delivery {
    Delivery(
      proto: NETISR_ETHER, body: 0..<frame.byteCount, wireLength: wireLength, flags: flags(frame, at: 0))
  }

  /// M_BCAST or M_MCAST by the destination address at `offset`; 0 when it was not captured.
  static func flags(_ frame: RawSpan, at offset: Int) -> UInt32 {
    guard frame.byteCount >= offset + 6 else { return 0 }
    if frame.big32(at: offset) == 0xffff_ffff && frame.big16(at: offset + 4) == 0xffff { return M_BCAST }
    // The I/G bit of the first octet (IEEE 802.3, 3.2.3).
    return frame.byte(at: offset) & 1 == 0 ? 0 : M_MCAST
  }
}
