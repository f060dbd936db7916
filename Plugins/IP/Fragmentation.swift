import NetISRPlugin

/// Cutting a datagram into fragments that fit a link (RFC 791, section 3.2), and sending them.
///
/// The payload is not copied: fragments share the storage that it lies in; each has a header of its own.
struct Fragmentation {
  /// What a header can be at most.
  private var header = InlineArray<60, UInt8>(repeating: 0)
  private let length: Int
  /// Bytes of the header behind the first fragment: only options that are to be in all of them.
  private var restLength = IPHeader.size
  private var rest = InlineArray<60, UInt8>(repeating: 0)
  private let parsed: IPHeader

  /// Reads the header of a packet; nil when it is not all there.
  init?(of packet: borrowing Packet, _ parsed: IPHeader) {
    self.parsed = parsed
    length = parsed.length
    guard length >= IPHeader.size, length <= IPHeader.limit else { return nil }
    for index in 0..<length {
      guard let byte = packet.octet(at: index) else { return nil }
      header[index] = byte
    }
    for index in 0..<IPHeader.size { rest[index] = header[index] }
    copyOptions()
  }

  /// Puts the options whose "copied" bit is set behind the fixed part of `rest` (RFC 791, section 3.1), then zeros up to
  /// a whole word. The options were checked; a length that is not inside of the header ends them.
  private mutating func copyOptions() {
    var place = IPHeader.size
    while place < length {
      let number = header[place]
      if number == 0 { break }
      if number == 1 {
        place &+= 1
        continue
      }
      guard place &+ 2 <= length else { break }
      let size = Int(header[place &+ 1])
      guard size >= 2, place &+ size <= length else { break }
      if number & 0x80 != 0 {
        for index in 0..<size { rest[restLength &+ index] = header[place &+ index] }
        restLength &+= size
      }
      place &+= size
    }
    restLength = (restLength &+ 3) & ~3
  }

  /// Sends the packet, whose header is the one that was read, in pieces. 0, or the errno value of the first piece that
  /// could not be sent: those behind it are not even tried, since nobody can use the others. EMSGSIZE: the link has no
  /// room for a header and eight bytes.
  func send(_ packet: consuming Packet, to hop: NextHop) -> Int32 {
    var left = packet
    left.truncate(to: parsed.totalLength)
    left.clearChecksumFlags()
    left.removeFirst(length)
    var offset = parsed.fragmentOffset
    var isFirst = true
    // Each round takes eight bytes at least from what is left.
    while left.count > 0 {
      let room = (hop.mtu &- (isFirst ? length : restLength)) & ~7
      guard room >= 8 else { return EMSGSIZE }
      guard left.count > room else {
        return send(left, isFirst: isFirst, offset: offset, hasMore: parsed.moreFragments, to: hop)
      }
      guard let behind = left.split(at: room) else { return ENOBUFS }
      let error = send(left, isFirst: isFirst, offset: offset, hasMore: true, to: hop)
      left = behind
      guard error == 0 else { return error }
      offset &+= room
      isFirst = false
    }
    return 0
  }

  private func send(
    _ payload: consuming Packet, isFirst: Bool, offset: Int, hasMore: Bool, to hop: NextHop
  ) -> Int32 {
    let length = isFirst ? self.length : restLength
    let total = payload.count &+ length
    guard var piece = payload.prepending(length) else { return ENOBUFS }
    var bytes = piece.mutableBytes
    guard bytes.byteCount >= length else { return ENOBUFS }
    for index in 0..<length { bytes.setU8(index, isFirst ? header[index] : rest[index]) }
    bytes.setU8(0, 0x40 | UInt8(truncatingIfNeeded: length / 4))
    bytes.setU16(2, UInt16(truncatingIfNeeded: total))
    bytes.setU16(6, UInt16(truncatingIfNeeded: offset / 8) | (hasMore ? 0x2000 : 0))
    bytes.setHeaderChecksum(length: length)
    unsafe counters.ofragments.add()
    return piece.output(by: hop.interface, toIPv4: hop.address)
  }
}

extension MutableRawSpan {
  /// Computes the checksum of the IPv4 header of `length` bytes at the beginning, which has that many.
  @_lifetime(self: copy self)
  mutating func setHeaderChecksum(length: Int) {
    setU16(10, 0)
    var checksum = InternetChecksum()
    checksum.add(bytes.extracting(first: length))
    setU16(10, checksum.value)
  }
}
