import NetISRPlugin

/// Answers an echo request (RFC 4443, section 4.2), of whatever length: the same data, from the address that was asked.
func answerEcho(_ packet: consuming Packet, _ message: ICMP6Message, _ chain: HeaderChain) {
  // Who has no address can't be answered.
  guard chain.source.isHost || chain.source.isLoopback else { return }
  // A group has no address to answer from: output finds one.
  let source = chain.destination.isMulticast ? IP6Address.unspecified : chain.destination
  var request = packet
  request.truncate(to: message.end)
  request.removeFirst(message.start)
  guard let whole = request.contiguous(8), var body = whole.headerWritable() else {
    return unsafe counters.nobufs.add()
  }
  let length = body.count
  var bytes = body.mutableBytes
  bytes.setU8(0, ICMP6Type.echoReply)
  bytes.setU8(1, 0)
  bytes.setU16(2, 0)
  if !source.isUnspecified {
    var checksum = InternetChecksum(pseudo: source, chain.source, length: length, NextHeader.icmp6)
    body.add(from: 0, count: length, to: &checksum)
    body.store(checksum.value, at: 2)
  }
  guard var reply = body.prepending(IP6Header.size) else { return unsafe counters.nobufs.add() }
  var header = reply.mutableBytes
  header.setU32(0, 0x6000_0000)
  header.setU16(IP6Header.payloadLengthOffset, UInt16(truncatingIfNeeded: length))
  header.setU8(IP6Header.nextHeaderOffset, NextHeader.icmp6)
  header.setU8(IP6Header.hopLimitOffset, 0)
  header.set(source, at: IP6Header.sourceOffset)
  header.set(chain.source, at: IP6Header.destinationOffset)
  unsafe icmp6Counters.reflect.add()
  ip6Output(reply)
}
