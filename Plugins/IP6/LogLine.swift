import NetISRPlugin

/// What ip6 has the host's log say.
extension LogLine {
  /// "ip6: somebody else on the link has this host's address 2001:db8:0:0:0:0:0:1: ..."
  static func duplicate(_ address: IP6Address, isGivenUp: Bool) {
    var line = LogLine()
    line.append("ip6: somebody else on the link has this host's address ")
    line.append(address)
    line.append(isGivenUp ? ": it is not used" : ", which is in use")
    line.warn()
  }

  /// All eight groups, each without leading zeros.
  private mutating func append(_ address: IP6Address) {
    for group in 0..<8 {
      if group > 0 { append(0x3a) }
      let half = group < 4 ? address.high : address.low
      let value = UInt16(truncatingIfNeeded: half >> UInt64(48 &- 16 &* (group & 3)))
      var isLeading = true
      for place in 0..<4 {
        let digit = UInt8(truncatingIfNeeded: value >> UInt16(12 &- 4 &* place)) & 15
        if digit == 0 && isLeading && place < 3 { continue }
        isLeading = false
        appendDigit(digit)
      }
    }
  }
}
