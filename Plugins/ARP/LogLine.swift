import NetISRPlugin

/// What arp has the host's log say.
extension LogLine {
  /// "arp: 02:00:00:00:00:0a uses this host's address 10.0.0.1: ..."
  static func conflict(_ address: IPv4Address, _ link: LinkAddress, isDefended: Bool) {
    var line = LogLine()
    line.append("arp: ")
    line.append(link)
    line.append(" uses this host's address ")
    line.append(address)
    line.append(isDefended ? ": told it whose it is" : ": it is not used")
    line.warn()
  }

  private mutating func append(_ address: IPv4Address) {
    for place in 0..<4 as Range<UInt32> {
      if place > 0 { append(0x2e) }
      let byte = UInt8(truncatingIfNeeded: address.number >> (24 &- 8 &* place))
      if byte >= 100 { append(0x30 &+ byte / 100) }
      if byte >= 10 { append(0x30 &+ byte / 10 % 10) }
      append(0x30 &+ byte % 10)
    }
  }

  private mutating func append(_ link: LinkAddress) {
    for place in 0..<6 {
      if place > 0 { append(0x3a) }
      let byte = UInt8(truncatingIfNeeded: link.number >> UInt64(40 &- 8 &* place))
      appendDigit(byte >> 4)
      appendDigit(byte & 15)
    }
  }
}
