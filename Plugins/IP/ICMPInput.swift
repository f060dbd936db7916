import NetISRPlugin

/// icmp (RFC 792): checks a message, counts it by its type, and answers requests.
///
/// `packet` is a whole datagram; of a capture that kept only its beginning, what is there. The checksum of such a message
/// can't be verified, and the message counts as the sender's host saw it: by its type.
///
/// Errors that others tell are counted, and have no reader here; redirects are, and are not followed: which way packets
/// go is the route table's to say.
func icmpInput(_ packet: consuming Packet, _ header: IPHeader) {
  let length = header.totalLength &- header.length
  guard length >= ICMPMessage.minimum, let type = packet.octet(at: header.length) else {
    return unsafe icmpCounters.tooshort.add()
  }
  let isWhole = packet.count >= header.totalLength
  if isWhole {
    var checksum = InternetChecksum()
    packet.add(from: header.length, count: length, to: &checksum)
    guard checksum.value == 0 else { return unsafe icmpCounters.badsum.add() }
  }
  unsafe icmpCounters.count(type: type)
  guard isWhole, let interface = packet.interface, !interface.isMonitor else { return }
  switch type {
  case ICMPMessage.echo: answer(packet, header, as: ICMPMessage.echoReply, at: interface)
  case ICMPMessage.timestamp where length >= ICMPMessage.timestampLength:
    answer(packet, header, as: ICMPMessage.timestampReply, at: interface)
  default: break
  }
}

/// What all messages have: type, code, checksum, and four bytes by type.
enum ICMPMessage {
  static let minimum = 8
  /// With three times of four bytes.
  static let timestampLength = 20

  static let echoReply: UInt8 = 0
  static let echo: UInt8 = 8
  static let timestamp: UInt8 = 13
  static let timestampReply: UInt8 = 14

  /// Whether a message is a question or an answer: all others may be errors, about which nothing is ever said.
  static func isInformation(_ type: UInt8) -> Bool {
    switch type {
    case 0, 8, 9, 10, 13...18: true
    default: false
    }
  }
}
