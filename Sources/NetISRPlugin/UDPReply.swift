/// What a handler above IP needs to answer: a UDP datagram, as it was handed over with its IP header, becomes the one that
/// goes back.
extension Packet {
  /// Of a whole UDP datagram over IPv4: what its headers say; nil when it is none.
  @inlinable
  public var udpOverIPv4: UDPDatagram? {
    guard let first = load(at: 0, initial: UInt8(0)), first >> 4 == 4 else { return nil }
    let length = Int(first & 0xf) &* 4
    guard length >= 20, load(at: 9, initial: UInt8(0)) == 17 else { return nil }
    return udp(at: length)
  }

  /// Of a whole UDP datagram over IPv6, with or without extension headers: what its headers say; nil when it is none.
  @inlinable
  public var udpOverIPv6: UDPDatagram? {
    guard let first = load(at: 0, initial: UInt8(0)), first >> 4 == 6, var next = load(at: 6, initial: UInt8(0)) else {
      return nil
    }
    var length = 40
    // Hop-by-hop, routing and destination options (RFC 8200, section 4); each is eight bytes at least.
    while next == 0 || next == 43 || next == 60 {
      guard let following = load(at: length, initial: UInt8(0)), let words = load(at: length &+ 1, initial: UInt8(0))
      else { return nil }
      next = following
      length &+= (Int(words) &+ 1) &* 8
    }
    return next == 17 ? udp(at: length) : nil
  }

  @inlinable
  func udp(at offset: Int) -> UDPDatagram? {
    guard let source = load(at: offset, initial: UInt16(0)),
      let destination = load(at: offset &+ 2, initial: UInt16(0)),
      let length = load(at: offset &+ 4, initial: UInt16(0))
    else { return nil }
    let count = Int(UInt16(bigEndian: length))
    guard count >= 8, count <= self.count &- offset else { return nil }
    return UDPDatagram(
      offset: offset, count: count, sourcePort: UInt16(bigEndian: source),
      destinationPort: UInt16(bigEndian: destination))
  }

  /// Sends the datagram back to where it came from, with the payload that it has: addresses and ports change places, which
  /// leaves the checksum right; options stay behind. 0 or an errno value: EINVAL, it is no UDP datagram over IPv4; ENOBUFS.
  ///
  /// Who calls this has seen to it that it was sent to one station: a group must not be a sender.
  public consuming func replyIPv4UDP() -> Int32 {
    guard let datagram = udpOverIPv4, let tos = load(at: 1, initial: UInt8(0)),
      let source = load(at: 12, initial: UInt32(0)), let destination = load(at: 16, initial: UInt32(0))
    else { return EINVAL }
    removeFirst(datagram.offset &- 20)
    truncate(to: 20 &+ datagram.count)
    guard var reply = writableHeader(28) else { return ENOBUFS }
    var bytes = reply.mutableBytes
    guard bytes.byteCount >= 28 else { return ENOBUFS }
    // What is 0, ip fills in.
    bytes.setU32(0, 0x4500_0000 | UInt32(tos) << 16)
    bytes.setU32(4, 0)
    bytes.setU32(8, 17 << 16)
    bytes.setU32(12, UInt32(bigEndian: destination))
    bytes.setU32(16, UInt32(bigEndian: source))
    bytes.setU16(20, datagram.destinationPort)
    bytes.setU16(22, datagram.sourcePort)
    return reply.sendIPv4()
  }

  /// The same over IPv6.
  public consuming func replyIPv6UDP() -> Int32 {
    guard let datagram = udpOverIPv6, let word = load(at: 0, initial: UInt32(0)),
      let source = load(at: 8, initial: InlineArray<4, UInt32>(repeating: 0)),
      let destination = load(at: 24, initial: InlineArray<4, UInt32>(repeating: 0))
    else { return EINVAL }
    removeFirst(datagram.offset &- 40)
    truncate(to: 40 &+ datagram.count)
    guard var reply = writableHeader(48) else { return ENOBUFS }
    var bytes = reply.mutableBytes
    guard bytes.byteCount >= 48 else { return ENOBUFS }
    // Version and traffic class; the flow label is the sender's own (RFC 6437).
    bytes.setU32(0, UInt32(bigEndian: word) & 0xfff0_0000)
    bytes.setU16(4, UInt16(truncatingIfNeeded: datagram.count))
    bytes.setU8(6, 17)
    bytes.setU8(7, 0)
    for index in 0..<4 {
      bytes.setU32(8 &+ 4 &* index, UInt32(bigEndian: destination[index]))
      bytes.setU32(24 &+ 4 &* index, UInt32(bigEndian: source[index]))
    }
    bytes.setU16(40, datagram.destinationPort)
    bytes.setU16(42, datagram.sourcePort)
    return reply.sendIPv6()
  }
}

/// Where in a packet a UDP datagram is, and between which ports (RFC 768). All of it is there.
public struct UDPDatagram: Sendable {
  /// Bytes in front of the UDP header.
  public let offset: Int
  /// Bytes of header and payload.
  public let count: Int
  /// The port to which an answer goes.
  public let sourcePort: UInt16
  /// The port to which it was sent.
  public let destinationPort: UInt16

  @inlinable
  init(offset: Int, count: Int, sourcePort: UInt16, destinationPort: UInt16) {
    self.offset = offset
    self.count = count
    self.sourcePort = sourcePort
    self.destinationPort = destinationPort
  }
}
