import NetISRPlugin

/// What fragments of one datagram have in common (RFC 791, section 3.2), and what keeps strangers apart: two captures,
/// and two VLANs on one trunk, may use the same addresses. Compared byte by byte: every byte is a field.
struct FragmentKey: BitwiseCopyable {
  var source: UInt32
  var destination: UInt32
  /// Times of another clock can't be compared.
  var clock: UInt32
  var identification: UInt16
  /// The VLAN id; 0 without one.
  var vlan: UInt16
  var protocolNumber: UInt8
  var zero: (UInt8, UInt8, UInt8) = (0, 0, 0)

  init(_ fragment: borrowing Packet, _ header: IPHeader) {
    source = header.source
    destination = header.destination
    clock = fragment.clock
    identification = header.identification
    // The other bits of the tag are the frame's priority.
    vlan = (fragment.vlanTag ?? 0) & 0xfff
    protocolNumber = header.protocolNumber
  }
}
