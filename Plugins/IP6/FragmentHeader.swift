import NetISRPlugin

/// The Fragment header (RFC 8200, section 4.5), taken out of its packet.
struct FragmentHeader: BitwiseCopyable {
  static let size = 8

  /// Of the fragmentable part; only the first fragment's counts.
  var nextHeader: UInt8
  /// Where this fragment's data belong, in bytes.
  var offset: Int
  /// More fragments follow.
  var more: Bool
  var identification: UInt32

  /// Nil when the packet ends inside of the header.
  init?(_ packet: borrowing Packet, at position: Int) {
    guard let bytes = packet.u64(at: position) else { return nil }
    nextHeader = UInt8(truncatingIfNeeded: bytes >> 56)
    offset = Int((bytes >> 32) & 0xfff8)
    more = bytes & (1 << 32) != 0
    identification = UInt32(truncatingIfNeeded: bytes)
  }

  /// A packet that is its own only fragment (RFC 6946).
  var isAtomic: Bool { offset == 0 && !more }
}
