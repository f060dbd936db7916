import NetISRPlugin

/// The header of a cell at the user-network interface (I.361, 2.2), and its check (I.432.1, 4.3.2):
///
///     bits   4     8     16    3     1     8
///          | GFC | VPI | VCI | PTI | CLP | HEC |
///
/// Checked once by `init`; the accessors stay inside of what it checked.
struct CellHeader {
  static let size = 5
  static let payloadSize = 48
  static let cellSize = size + payloadSize

  private let octets: UInt32

  /// The first `size` bytes must be there. Nothing of a damaged header can be believed: what the HEC could correct
  /// is not corrected, as in the detection mode of I.432.1.
  init(_ bytes: RawSpan) throws(DropReason) {
    guard bytes.byteCount >= Self.size else { throw .tooShort }
    let octets = bytes.u32(0)
    guard headerErrorControl(of: octets) == bytes.u8(4) else { throw .badHEC }
    self.octets = octets
  }

  var vpi: UInt16 { UInt16(truncatingIfNeeded: octets >> 20 & 0xff) }
  var vci: UInt16 { UInt16(truncatingIfNeeded: octets >> 4 & 0xffff) }
  var payloadType: PayloadType { PayloadType(bits: UInt8(truncatingIfNeeded: octets >> 1 & 7)) }
}

/// What the three bits of the payload type say (I.361, 2.2.4).
enum PayloadType {
  /// User data; the last bit says that an AAL5 PDU ends.
  case user(endsPDU: Bool)
  /// F5 flows, of a segment and from end to end.
  case oam
  case resourceManagement
  case reserved

  init(bits: UInt8) {
    switch bits & 7 {
    case 0...3: self = .user(endsPDU: bits & 1 != 0)
    case 4, 5: self = .oam
    case 6: self = .resourceManagement
    default: self = .reserved
    }
  }
}

/// The header error control of cells: a CRC-8 with polynomial x^8 + x^2 + x + 1 over four octets, to which 01010101
/// is added (I.432.1, 4.3.2.2).
struct HECTable {
  private var values: InlineArray<256, UInt8> = .init(repeating: 0)

  /// The CRC of one byte.
  @inline(__always)
  subscript(value: UInt8) -> UInt8 { values[Int(value)] }

  /// Computes the table.
  mutating func fill() {
    for value in 0..<256 {
      var crc = UInt8(value)
      for _ in 0..<8 { crc = crc & 0x80 == 0 ? crc << 1 : crc << 1 ^ 0x07 }
      values[value] = crc
    }
  }
}

/// Written once, during registration, before any packet.
@exclusivity(unchecked) nonisolated(unsafe) var hec = HECTable()

/// The HEC of four octets.
func headerErrorControl(of octets: UInt32) -> UInt8 {
  var crc: UInt8 = 0
  crc = unsafe hec[crc ^ UInt8(truncatingIfNeeded: octets >> 24)]
  crc = unsafe hec[crc ^ UInt8(truncatingIfNeeded: octets >> 16)]
  crc = unsafe hec[crc ^ UInt8(truncatingIfNeeded: octets >> 8)]
  crc = unsafe hec[crc ^ UInt8(truncatingIfNeeded: octets)]
  return crc ^ 0x55
}
