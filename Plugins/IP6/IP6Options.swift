import NetISRPlugin

/// Option types of hop-by-hop and destination options (RFC 8200, section 4.2).
enum OptionType {
  static let pad1: UInt8 = 0
  static let padN: UInt8 = 1
  /// Router Alert (RFC 2711): hop-by-hop, 2 bytes.
  static let routerAlert: UInt8 = 0x05
  /// Jumbo Payload (RFC 2675): hop-by-hop, 4 bytes.
  static let jumbo: UInt8 = 0xc2
  /// Home Address (RFC 6275): destination option, 16 bytes. Known here only lest its high bits discard the packet.
  static let homeAddress: UInt8 = 0xc9

  /// What those who don't know the type are to do, by its two highest bits: 00 is "skip it", the others discard the
  /// packet.
  static func isSkippable(_ type: UInt8) -> Bool { type >> 6 == 0 }

  /// Of these, 01 silently, 10 with an ICMP message, 11 with one unless the packet was for a group.
  static func isReported(_ type: UInt8, toGroup: Bool) -> Bool { type >> 6 == 2 || (type >> 6 == 3 && !toGroup) }
}

extension HeaderChain {
  /// Walks the options between `start` and `end`, which the packet holds. Each step takes at least one byte of at
  /// most `HeaderLimit.bytes`.
  mutating func readOptions(
    of packet: borrowing Packet, from start: Int, to end: Int, isHopByHop: Bool
  ) throws(DropReason) {
    var position = start
    while position < end {
      guard let type = packet.u8(at: position) else { throw .snapped }
      if type == OptionType.pad1 {
        position &+= 1
        continue
      }
      guard position &+ 2 <= end else { throw .badOptions }
      guard let lengthField = packet.u8(at: position &+ 1) else { throw .snapped }
      let length = Int(lengthField)
      guard position &+ 2 &+ length <= end else { throw .badOptions }
      if type != OptionType.padN {
        options &+= 1
        guard options <= HeaderLimit.options else { throw .tooManyHeaders }
        try readOption(type, of: packet, at: position &+ 2, length: length, isHopByHop: isHopByHop)
      }
      position &+= 2 &+ length
    }
  }

  private mutating func readOption(
    _ type: UInt8, of packet: borrowing Packet, at position: Int, length: Int, isHopByHop: Bool
  ) throws(DropReason) {
    switch type {
    case OptionType.routerAlert where isHopByHop:
      // Two of them contradict each other (RFC 2711, section 2.1).
      guard length == 2, !hasRouterAlert else { throw .badOptions }
      hasRouterAlert = true
    case OptionType.jumbo where isHopByHop:
      guard length == 4, jumboLength == nil else { throw .badJumbo }
      // Aligned to 4n + 2, so that its number is to 4 (RFC 2675, section 2).
      guard position & 3 == 0 else { throw .badJumbo }
      guard let value = packet.u32(at: position) else { throw .snapped }
      jumboLength = value
    case OptionType.homeAddress where !isHopByHop:
      guard length == 16 else { throw .badOptions }
    default:
      guard !OptionType.isSkippable(type) else { return }
      if OptionType.isReported(type, toGroup: destination.isMulticast) {
        problem = HeaderProblem(HeaderProblem.option, at: position &- 2)
      }
      throw .badOptions
    }
  }
}
