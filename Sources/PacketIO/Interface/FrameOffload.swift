import CNetISR

/// What a device has taken off a frame, or found out about it. Captures have none of it.
struct FrameOffload {
  /// A VLAN tag, in host order, that stood behind the addresses.
  var tag: UInt16?
  /// CSUM_... flags.
  var checksum: UInt32 = 0

  /// Nothing.
  init() {}

  /// Marks the layer 4 checksum as looked at and right.
  mutating func setChecksumValid() { checksum |= CSUM_L4_CALC | CSUM_L4_VALID }
}
