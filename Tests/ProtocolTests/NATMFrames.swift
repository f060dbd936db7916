import CNetISR
import TestSupport

/// Frames for natm, made by the letter of the recommendations, one bit at a time: another way than the plugin's.
enum NATMFrames {
  /// `struct atm_frame`.
  static func frame(_ form: Int32, vpi: UInt16 = 0, vci: UInt16 = 100, pti: UInt8 = 0, _ body: [UInt8]) -> [UInt8] {
    var header = atm_frame()
    header.af_form = UInt8(form)
    header.af_pti = pti
    header.af_vpi = vpi
    header.af_vci = vci
    return withUnsafeBytes(of: header) { Array($0) } + body
  }

  /// A CPCS-PDU (I.363.5): payload, pad, UU, CPI, length, CRC-32.
  static func pdu(_ payload: [UInt8], length: Int? = nil, extraPad: Int = 0, uu: UInt8 = 0) -> [UInt8] {
    let length = length ?? payload.count
    var pdu = payload
    while (pdu.count + 8) % 48 != 0 { pdu.append(0) }
    pdu += [UInt8](repeating: 0, count: extraPad)
    pdu += [uu, 0, UInt8(length >> 8 & 0xff), UInt8(length & 0xff)]
    let crc = crc32(pdu)
    return pdu + [UInt8(crc >> 24), UInt8(crc >> 16 & 0xff), UInt8(crc >> 8 & 0xff), UInt8(crc & 0xff)]
  }

  static func crc32(_ bytes: [UInt8]) -> UInt32 {
    var crc: UInt32 = 0xffff_ffff
    for byte in bytes {
      for bit in 0..<8 {
        let out = crc >> 31 ^ UInt32(byte >> (7 - UInt8(bit)) & 1)
        crc = crc << 1 ^ (out == 0 ? 0 : 0x04c1_1db7)
      }
    }
    return ~crc
  }

  /// A cell with its HEC, in its frame.
  static func cell(
    vpi: UInt8 = 0, vci: UInt16 = 100, pti: UInt8 = 0, clp: UInt8 = 0, gfc: UInt8 = 0, _ payload: [UInt8],
    hecError: UInt8 = 0
  ) -> [UInt8] {
    var header = [
      gfc << 4 | vpi >> 4, vpi << 4 | UInt8(vci >> 12), UInt8(vci >> 4 & 0xff),
      UInt8(vci & 0xf) << 4 | pti << 1 | clp,
    ]
    header.append(hec(header) ^ hecError)
    let body = payload + [UInt8](repeating: 0, count: max(0, 48 - payload.count))
    return frame(ATM_FORM_CELL, header + body)
  }

  static func hec(_ bytes: [UInt8]) -> UInt8 {
    var crc: UInt8 = 0
    for byte in bytes {
      for bit in 0..<8 {
        let out = crc >> 7 ^ (byte >> (7 - UInt8(bit)) & 1)
        crc = crc << 1 ^ (out == 0 ? 0 : 0x07)
      }
    }
    return crc ^ 0x55
  }

  /// The cells of a PDU.
  static func cells(vpi: UInt8 = 0, vci: UInt16 = 100, _ pdu: [UInt8]) -> [[UInt8]] {
    stride(from: 0, to: pdu.count, by: 48).map { start in
      let end = start + 48
      return cell(vpi: vpi, vci: vci, pti: end >= pdu.count ? 1 : 0, Array(pdu[start..<min(end, pdu.count)]))
    }
  }

  /// An IPv4 packet of that many bytes in all; natm does not look at its checksum.
  static func ipv4(_ count: Int = 28) -> [UInt8] {
    var packet: [UInt8] = [
      0x45, 0, UInt8(count >> 8), UInt8(count & 0xff), 0, 1, 0, 0, 64, 17, 0, 0, 10, 0, 0, 1, 10, 0, 0, 2,
    ]
    var next: UInt8 = 1
    while packet.count < count {
      packet.append(next)
      next = next &* 5 &+ 3
    }
    return packet
  }

  static let ipv6: [UInt8] = [0x60, 0, 0, 0, 0, 0, 59, 64] + [UInt8](repeating: 0xfd, count: 32)
  static let arp: [UInt8] = [0, 1, 8, 0, 6, 4, 0, 1] + [UInt8](repeating: 9, count: 20)
  static let ethernet: [UInt8] =
    [2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2, 0x08, 0x00] + ipv4(46)

  static func snap(_ type: [UInt8], _ payload: [UInt8]) -> [UInt8] { [0xaa, 0xaa, 3, 0, 0, 0] + type + payload }
  static func bridged(_ pid: UInt8, _ frame: [UInt8]) -> [UInt8] {
    [0xaa, 0xaa, 3, 0, 0x80, 0xc2, 0, pid, 0, 0] + frame
  }
}
