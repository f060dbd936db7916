import NetISRPlugin

/// icmp_reflect: sends a request back to its sender as the reply (RFC 792; RFC 1122, sections 3.2.2.6 and 3.2.2.8). The
/// message stays where it is; it gets another type, and a header of its own.
func answer(_ request: consuming Packet, _ header: IPHeader, as type: UInt8, at interface: Interface) {
  let isToMany = request.flags & (M_BCAST | M_MCAST | manyFlag) != 0
  if isToMany, unsafe !settings.bmcastecho.isOn { return unsafe icmpCounters.bmcastecho.add() }
  guard IPAddress.isUnicast(header.source), !interface.isIPv4Broadcast(header.source) else { return }
  // To one of this host's addresses, it is answered from there.
  guard let own = isToMany ? interface.sourceAddress(for: header.source) : header.destination else { return }
  let arrival = request.timestamp
  let options = ReflectedOptions(of: request, header, own: own, vnet: interface.vnet, time: arrival)

  var body = request
  body.removeFirst(header.length)
  let isTimestamp = type == ICMPMessage.timestampReply
  let reach = isTimestamp ? ICMPMessage.timestampLength : ICMPMessage.minimum
  guard var message = body.writableHeader(reach) else { return }
  var bytes = message.mutableBytes
  guard bytes.byteCount >= reach else { return }
  var change = ChecksumChange(bytes.bytes.u16(2))
  change.replace(bytes.bytes.u16(0), by: UInt16(type) << 8)
  bytes.setU16(0, UInt16(type) << 8)
  if isTimestamp {
    let (received, sent) = (UniversalTime.milliseconds(at: arrival), UniversalTime.milliseconds(at: netisr_time()))
    change.replace(bytes.bytes.u32(12), by: received)
    change.replace(bytes.bytes.u32(16), by: sent)
    bytes.setU32(12, received)
    bytes.setU32(16, sent)
  }
  bytes.setU16(2, change.checksum)

  let length = IPHeader.size &+ options.count
  guard var reply = message.prepending(length) else { return }
  var front = reply.mutableBytes
  guard front.byteCount >= length else { return }
  // What is not said here, output fills in.
  front.setU32(0, 0x4000_0000 | UInt32(truncatingIfNeeded: length / 4) << 24 | UInt32(header.tos) << 16)
  front.setU32(4, 0)
  front.setU32(8, UInt32(ProtocolNumber.icmp) << 16)
  front.setU32(12, own)
  front.setU32(16, header.source)
  options.copy(to: &front, at: IPHeader.size)
  unsafe icmpCounters.reflect.add()
  ipOutput(reply)
}

/// A checksum that follows changes of what it is over (RFC 1624, equation 3: the old words out, the new ones in).
struct ChecksumChange {
  private var sum = InternetChecksum()

  /// The checksum so far.
  init(_ checksum: UInt16) { sum.add(~checksum) }

  mutating func replace(_ old: UInt16, by new: UInt16) {
    sum.add(~old)
    sum.add(new)
  }

  mutating func replace(_ old: UInt32, by new: UInt32) {
    sum.add(~old)
    sum.add(new)
  }

  var checksum: UInt16 { sum.value }
}

/// Times as ICMP and options have them (RFC 791, RFC 792).
enum UniversalTime {
  /// Milliseconds since midnight UT, of nanoseconds since the epoch.
  static func milliseconds(at time: UInt64) -> UInt32 {
    UInt32(truncatingIfNeeded: time / 1_000_000 % 86_400_000)
  }
}
