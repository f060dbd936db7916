import CNetISR

/// LINKTYPE_ERF: records of the Extensible Record Format, as capture cards write them.
///
///      0        8      9       10     12       14     16
///      +--------+------+-------+------+--------+------+---------------------+-------------+-----------+
///      | time   | type | flags | rlen | lctr   | wlen | extension headers   | sub-header  | frame     |
///      +--------+------+-------+------+--------+------+---------------------+-------------+-----------+
///
/// Bit 7 of the type says that an 8-byte extension header follows, and bit 7 of its first byte the same again.  rlen is
/// the whole record with padding, wlen the bytes of the frame on the wire: with the FCS of Ethernet, with the four
/// octets of an ATM header, without sub-header and padding.  Times are the capture's; ERF's own are not needed.
enum ERFLink {
  private static let header = 16
  private static let cellPayload = 48

  static func decode(_ frame: RawSpan, wireLength: Int) throws(FrameRefusal) -> Delivery {
    guard frame.byteCount >= header else { throw .tooShort }
    var record = Record(
      start: header, end: min(frame.byteCount, max(Int(frame.big16(at: 10)), header)),
      wireLength: Int(frame.big16(at: 14)))
    let type = frame.byte(at: 8)
    var more = type & 0x80 != 0
    while more {
      let extensionHeader = record.start
      try record.skip(8)
      more = frame.byte(at: extensionHeader) & 0x80 != 0
    }
    switch type & 0x7f {
    case 2, 11, 16, 20:  // ETH, COLOR_ETH, DSM_COLOR_ETH, COLOR_HASH_ETH: two bytes of offset and padding
      try record.skip(2)
      return ethernet(frame, record)
    case 3:  // ATM
      return try cell(frame, record)
    case 4:  // AAL5
      return try pdu(frame, record)
    case 7:  // MC_ATM: the connection on a multi-channel card comes first
      try record.skip(4)
      return try cell(frame, record)
    case 9:  // MC_AAL5
      try record.skip(4)
      return try pdu(frame, record)
    case 22:  // IPV4
      return Delivery(proto: NETISR_IP, body: record.body, wireLength: record.wireLength)
    case 23:  // IPV6
      return Delivery(proto: NETISR_IPV6, body: record.body, wireLength: record.wireLength)
    case let other:
      throw .unsupported(.erfType(other))
    }
  }

  /// What is left of a record: captured bytes from `start` to `end`.
  private struct Record {
    var start: Int
    var end: Int
    var wireLength: Int

    mutating func skip(_ count: Int) throws(FrameRefusal) {
      guard end - start >= count else { throw .tooShort }
      start += count
    }

    /// The frame without the padding behind it.
    var body: Range<Int> { start..<min(end, start + wireLength) }
  }

  /// The frame without its FCS, which wlen counts.
  private static func ethernet(_ frame: RawSpan, _ record: Record) -> Delivery {
    var record = record
    record.wireLength = max(record.wireLength - 4, 0)
    return Delivery(
      proto: NETISR_ETHER, body: record.body, wireLength: record.wireLength,
      flags: EthernetLink.flags(frame, at: record.start))
  }

  /// A whole cell.  Records keep the header without its HEC, which is computed.
  private static func cell(_ frame: RawSpan, _ record: Record) throws(FrameRefusal) -> Delivery {
    guard record.end - record.start >= 4 else { throw .tooShort }
    let fields = CellHeader(frame.big32(at: record.start))
    let payload = record.start + 4..<min(record.start + 4 + cellPayload, record.end)
    var delivery = Delivery.atm(
      form: ATM_FORM_CELL, vpi: fields.vpi, vci: fields.vci, pti: fields.pti, body: payload,
      wireLength: 5 + cellPayload)
    delivery.prefix.append(frame, from: record.start, count: 4)
    delivery.prefix.append(CellHEC.octet(for: fields.octets))
    return delivery
  }

  /// An AAL5 CPCS-PDU with pad and trailer, behind the header of one of its cells.
  private static func pdu(_ frame: RawSpan, _ record: Record) throws(FrameRefusal) -> Delivery {
    guard record.end - record.start >= 4 else { throw .tooShort }
    let fields = CellHeader(frame.big32(at: record.start))
    let end = min(record.end, record.start + max(record.wireLength, 4))
    return .atm(
      form: ATM_FORM_PDU, vpi: fields.vpi, vci: fields.vci, body: record.start + 4..<end,
      wireLength: max(record.wireLength - 4, 0))
  }

  /// The first four octets of a cell at the user-network interface (I.361, 2.2).
  private struct CellHeader {
    var octets: UInt32
    var vpi: UInt16 { UInt16(octets >> 20 & 0xff) }
    var vci: UInt16 { UInt16(octets >> 4 & 0xffff) }
    var pti: UInt8 { UInt8(octets >> 1 & 7) }

    init(_ octets: UInt32) { self.octets = octets }
  }
}
