import CNetISR

/// LINKTYPE_SUNATM: a byte of direction and traffic type, VPI, VCI, then what was in the circuit.
///
/// Source: <https://www.tcpdump.org/linktypes/LINKTYPE_SUNATM.html>.
enum SunATMLink {
  private static let header = 4

  static func decode(_ frame: RawSpan, wireLength: Int) throws(FrameRefusal) -> Delivery {
    guard frame.byteCount >= header else { throw .tooShort }
    // The upper bits are the direction and reserved.
    let traffic = Traffic(rawValue: frame.byte(at: 0) & 0x0f) ?? .raw
    let vci = frame.big16(at: 2)
    let form: Int32
    if reservedVCI.contains(vci) || traffic == .ilmi || traffic == .q2931 {
      form = ATM_FORM_OAM
    } else if traffic == .lanEmulation {
      throw .unsupported(.lanEmulation)
    } else {
      form = ATM_FORM_SDU
    }
    return .atm(
      form: form, vpi: UInt16(frame.byte(at: 1)), vci: vci, body: header..<frame.byteCount,
      wireLength: wireLength - header)
  }

  /// VCIs of management and signalling: 3 and 4 are F4 OAM flows, 5 signalling, 16 ILMI (I.361, table 2).
  private static let reservedVCI: ClosedRange<UInt16> = 1...31

  private enum Traffic: UInt8 {
    case raw = 0
    case lanEmulation = 1
    case llc = 2
    case mars = 3
    case ifmp = 4
    case ilmi = 5
    case q2931 = 6
  }
}
