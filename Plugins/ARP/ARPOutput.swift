import NetISRPlugin

/// Putting frames on the link: what arp itself says, and what it was asked to send on.

/// An ARP message for IPv4 over Ethernet that this station sends.
struct OutgoingMessage {
  var operation: UInt16
  /// Where the frame goes.
  var destination: LinkAddress
  /// 0.0.0.0 of a probe.
  var sender: IPv4Address
  /// In replies, whom they are for; else nobody (RFC 5227, section 1.1: all zero).
  var targetHardware = LinkAddress.nobody
  var target: IPv4Address

  /// Sends it; false when there is no memory, or the interface can't.
  func send(by interface: Interface) -> Bool {
    guard let own = interface.etherAddress, var packet = Packet.make() else { return false }
    // Ethernet header and message, as one run of bytes.
    var bytes = InlineArray<42, UInt8>(repeating: 0)
    var place = 0
    func put(_ value: UInt64, _ count: Int) {
      for index in 0..<count {
        bytes[place &+ index] = UInt8(truncatingIfNeeded: value >> UInt64(8 &* (count &- 1 &- index)))
      }
      place &+= count
    }
    put(destination.number, 6)
    put(own, 6)
    put(UInt64(EtherType.arp), 2)
    put(UInt64(HardwareType.ethernet), 2)
    put(UInt64(ARPPacket.ip), 2)
    put(6, 1)
    put(4, 1)
    put(UInt64(operation), 2)
    put(own, 6)
    put(UInt64(sender.number), 4)
    put(targetHardware.number, 6)
    put(UInt64(target.number), 4)
    guard unsafe packet.append(bytes.span.bytes) else { return false }
    guard packet.transmit(by: interface) == 0 else {
      unsafe counters.txfailed.add()
      return false
    }
    if operation == Operation.reply { unsafe counters.txreplies.add() } else { unsafe counters.txrequests.add() }
    return true
  }
}

/// Types of what Ethernet carries.
enum EtherType {
  static let ip: UInt16 = ARPPacket.ip
  static let arp: UInt16 = 0x0806
}

extension LinkAddress {
  static let nobody = LinkAddress(number: 0)
  static let broadcast = LinkAddress(number: 0xffff_ffff_ffff)

  /// Of an IPv4 group (RFC 1112, section 6.4).
  init(group: IPv4Address) {
    number = 0x0100_5e00_0000 | UInt64(group.number & 0x7f_ffff)
  }
}

extension IPv4Address {
  var isGroup: Bool { number >> 28 == 0xe }
}

extension Packet {
  /// Puts an Ethernet header in front of an IPv4 packet, and sends it.
  consuming func sendIPv4(to destination: LinkAddress, by interface: Interface) {
    guard let own = interface.etherAddress, var frame = prepending(14) else { return unsafe counters.txfailed.add() }
    // What was said of it as a packet that came in, or waited, is over.
    frame.flags &= ~(M_NEXTHOP | M_BCAST | M_MCAST | M_PROMISC | M_VLANTAG)
    var header = frame.mutableBytes
    guard header.byteCount >= 14 else { return unsafe counters.txfailed.add() }
    header.setU16(0, UInt16(truncatingIfNeeded: destination.number >> 32))
    header.setU32(2, UInt32(truncatingIfNeeded: destination.number))
    header.setU16(6, UInt16(truncatingIfNeeded: own >> 32))
    header.setU32(8, UInt32(truncatingIfNeeded: own))
    header.setU16(12, EtherType.ip)
    if frame.transmit(by: interface) != 0 { unsafe counters.txfailed.add() }
  }
}
