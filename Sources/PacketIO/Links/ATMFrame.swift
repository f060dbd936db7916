import CNetISR

extension Delivery {
  /// A delivery to natm: `struct atm_frame` of natm.h, then `body`.
  ///
  /// - Parameters:
  ///   - form: one of ATM_FORM_...
  ///   - pti: the payload type (I.361), where it is known.
  ///   - wireLength: bytes that the body had on the wire.
  static func atm(
    form: Int32, vpi: UInt16, vci: UInt16, pti: UInt8 = 0, body: Range<Int>, wireLength: Int
  ) -> Delivery {
    var prefix = FramePrefix()
    prefix.append(UInt8(form))
    prefix.append(pti)
    prefix.append(host: vpi)
    prefix.append(host: vci)
    prefix.append(host: 0)
    return Delivery(proto: NETISR_NATM, prefix: prefix, body: body, wireLength: wireLength + prefix.count)
  }
}

/// LINKTYPE_ATM_RFC1483: an AAL5 payload that begins with LLC.  The circuit is not recorded: VPI and VCI are 0.
enum RFC1483Link {
  static func decode(_ frame: RawSpan, wireLength: Int) -> Delivery {
    .atm(form: ATM_FORM_SDU, vpi: 0, vci: 0, body: 0..<frame.byteCount, wireLength: wireLength)
  }
}
