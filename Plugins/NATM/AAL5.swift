import NetISRPlugin

/// The common part of AAL5 (I.363.5, 9.2.1):
///
///     | payload, 0 to 65,535 | pad, 0 to 47 | UU 1 | CPI 1 | length 2 | CRC-32 4 |
///
/// a whole number of cells' payloads; the trailer is the end of the last.
enum AAL5 {
  static let trailerSize = 8
  /// Cells of the longest PDU: 65,535 bytes and the trailer.
  static let maxCells = (65_535 + trailerSize + CellHeader.payloadSize - 1) / CellHeader.payloadSize

  /// Checks a PDU, and takes pad and trailer off.
  ///
  /// The CRC comes before the length field: only a right CRC says that the field is what the sender wrote. A lost cell
  /// is therefore a bad CRC, and a bad length is the sender's mistake. Length 0 means that the sender gave the PDU up.
  static func open(_ pdu: inout Packet) throws(DropReason) {
    let count = pdu.count
    let cells = count / CellHeader.payloadSize
    guard cells > 0, cells <= maxCells, count == cells &* CellHeader.payloadSize else { throw .badLength }
    guard pdu.crc32Remainder == CRC32.residue else { throw .badCRC }
    // The trailer is there: count >= 48.
    guard let bytes = pdu.load(at: count &- 6, initial: UInt16(0)) else { throw .badLength }
    let length = Int(UInt16(bigEndian: bytes))
    guard length > 0 else { throw .aborted }
    let pad = count &- trailerSize &- length
    guard pad >= 0, pad < CellHeader.payloadSize else { throw .badLength }
    pdu.truncate(to: length)
  }
}
