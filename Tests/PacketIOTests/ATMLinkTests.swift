import CNetISR
import Testing

@testable import PacketIO

@Suite struct ATMLinkTests {
  /// `struct atm_frame`, as this machine lays it out.
  func atmFrame(_ form: Int32, pti: UInt8 = 0, vpi: UInt16 = 0, vci: UInt16 = 0) -> [UInt8] {
    withUnsafeBytes(of: atm_frame(af_form: UInt8(form), af_pti: pti, af_vpi: vpi, af_vci: vci, af_spare: 0)) {
      Array($0)
    }
  }

  @Test func rfc1483() {
    #expect(
      decode([0xaa, 0xaa, 3], as: .atmRFC1483)
        == .packet(proto: NETISR_NATM, prefix: atmFrame(ATM_FORM_SDU), body: 0..<3, wireLength: 11, flags: 0))
  }

  @Test func sunATM() {
    func outcome(_ form: Int32, vpi: UInt16, vci: UInt16) -> Outcome {
      .packet(
        proto: NETISR_NATM, prefix: atmFrame(form, vpi: vpi, vci: vci), body: 4..<6, wireLength: 10, flags: 0)
    }
    #expect(decode([0x82, 8, 0, 49, 1, 2], as: .sunATM) == outcome(ATM_FORM_SDU, vpi: 8, vci: 49))
    #expect(decode([0x00, 8, 1, 0, 1, 2], as: .sunATM) == outcome(ATM_FORM_SDU, vpi: 8, vci: 256))
    // Signalling, OAM and ILMI by their circuits, and by the traffic type.
    for vci: UInt8 in [3, 4, 5, 16, 31] {
      #expect(decode([0x02, 0, 0, vci, 1, 2], as: .sunATM) == outcome(ATM_FORM_OAM, vpi: 0, vci: UInt16(vci)))
    }
    for type: UInt8 in [5, 6] {
      #expect(decode([type, 0, 0, 77, 1, 2], as: .sunATM) == outcome(ATM_FORM_OAM, vpi: 0, vci: 77))
    }
    #expect(decode([0x81, 0, 0, 77, 1, 2], as: .sunATM) == .refused(.unsupported(.lanEmulation)))
    #expect(decode([0x82, 0, 0], as: .sunATM) == .refused(.tooShort))
  }

  /// The known octets: an idle cell (I.432.1) ends in 0x52, an unassigned one in 0x55.
  @Test func headerErrorControl() {
    #expect(CellHEC.octet(for: 0x0000_0001) == 0x52)
    #expect(CellHEC.octet(for: 0x0000_0000) == 0x55)
  }

  /// An ERF record with this type, rlen of its own length, and wlen.
  func erf(_ type: UInt8, wlen: Int, _ rest: [UInt8], rlen: Int? = nil) -> [UInt8] {
    let rlen = rlen ?? 16 + rest.count
    return [UInt8](repeating: 0, count: 8)
      + [type, 4, UInt8(rlen >> 8), UInt8(rlen & 0xff), 0, 0, UInt8(wlen >> 8), UInt8(wlen & 0xff)] + rest
  }

  @Test func erfCell() {
    let header: [UInt8] = [0x0a, 0xb0, 0x06, 0x4a]  // VPI 171, VCI 100, payload type 5
    let payload = [UInt8](0..<48)
    let padding: [UInt8] = [9, 9, 9, 9]
    let prefix = atmFrame(ATM_FORM_CELL, pti: 5, vpi: 171, vci: 100) + header + [CellHEC.octet(for: 0x0ab0_064a)]
    #expect(
      decode(erf(3, wlen: 52, header + payload + padding), as: .erf)
        == .packet(proto: NETISR_NATM, prefix: prefix, body: 20..<68, wireLength: 61, flags: 0))
    // Behind a multi-channel header, and behind two extension headers.
    #expect(
      decode(erf(7, wlen: 52, [0, 0, 0, 1] + header + payload), as: .erf)
        == .packet(proto: NETISR_NATM, prefix: prefix, body: 24..<72, wireLength: 61, flags: 0))
    let extensions: [UInt8] = [0x85, 0, 0, 0, 0, 0, 0, 0] + [0x05, 0, 0, 0, 0, 0, 0, 0]
    #expect(
      decode(erf(0x83, wlen: 52, extensions + header + payload), as: .erf)
        == .packet(proto: NETISR_NATM, prefix: prefix, body: 36..<84, wireLength: 61, flags: 0))
    #expect(decode(erf(0x83, wlen: 52, Array(extensions.prefix(15))), as: .erf) == .refused(.tooShort))
    #expect(decode(erf(3, wlen: 52, [0, 0, 0]), as: .erf) == .refused(.tooShort))
  }

  @Test func erfPDU() {
    let header: [UInt8] = [0x00, 0x80, 0x03, 0x02]  // VPI 8, VCI 48
    let pdu = [UInt8](repeating: 7, count: 48)
    #expect(
      decode(erf(4, wlen: 52, header + pdu + [0, 0, 0, 0]), as: .erf)
        == .packet(
          proto: NETISR_NATM, prefix: atmFrame(ATM_FORM_PDU, vpi: 8, vci: 48), body: 20..<68, wireLength: 56, flags: 0)
    )
  }

  @Test func erfOthers() {
    let frame = [UInt8](repeating: 0xff, count: 60)
    // wlen counts the FCS; two bytes of offset and padding come first, and padding behind.
    #expect(
      decode(erf(2, wlen: 64, [0, 0] + frame + [1, 2, 3, 4] + [0, 0]), as: .erf)
        == .packet(proto: NETISR_ETHER, prefix: [], body: 18..<78, wireLength: 60, flags: M_BCAST))
    // Captured in part.
    #expect(
      decode(erf(2, wlen: 1518, [0, 0] + frame), as: .erf)
        == .packet(proto: NETISR_ETHER, prefix: [], body: 18..<78, wireLength: 1514, flags: M_BCAST))
    #expect(
      decode(erf(22, wlen: 20, frame), as: .erf)
        == .packet(proto: NETISR_IP, prefix: [], body: 16..<36, wireLength: 20, flags: 0))
    #expect(
      decode(erf(23, wlen: 60, frame), as: .erf)
        == .packet(proto: NETISR_IPV6, prefix: [], body: 16..<76, wireLength: 60, flags: 0))
    #expect(decode(erf(1, wlen: 60, frame), as: .erf) == .refused(.unsupported(.erfType(1))))
    #expect(decode(Array(erf(3, wlen: 52, []).dropLast()), as: .erf) == .refused(.tooShort))
    // rlen ends the record, even before the captured bytes do.
    #expect(decode(erf(3, wlen: 52, frame, rlen: 18), as: .erf) == .refused(.tooShort))
  }
}
