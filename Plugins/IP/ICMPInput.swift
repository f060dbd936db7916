import NetISRPlugin

/// icmp (RFC 792): checks a message and counts it by its type.
///
/// `packet` is a whole datagram; of a capture that kept only its beginning, what is there. The checksum of such a message
/// can't be verified, and the message counts as the sender's host saw it: by its type.
func icmpInput(_ packet: consuming Packet, _ header: IPHeader) {
  let length = header.totalLength &- header.length
  guard length >= ICMPMessage.minimum, let type = packet.octet(at: header.length) else {
    return unsafe icmpCounters.tooshort.add()
  }
  if packet.count >= header.totalLength {
    var checksum = InternetChecksum()
    packet.add(from: header.length, count: length, to: &checksum)
    guard checksum.value == 0 else { return unsafe icmpCounters.badsum.add() }
  }
  unsafe icmpCounters.count(type: type)
}

/// What all messages have: type, code, checksum, and four bytes by type.
enum ICMPMessage {
  static let minimum = 8
}
