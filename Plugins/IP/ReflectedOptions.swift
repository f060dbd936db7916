import NetISRPlugin

/// The options that an answer takes back with it (RFC 1122, section 3.2.2.6): the way and the times that the request has
/// recorded, with this host's own entry, and its security level. Others were for its own way only; a source route is not
/// followed back.
struct ReflectedOptions {
  private var bytes = InlineArray<40, UInt8>(repeating: 0)
  /// Bytes, whole words.
  private(set) var count = 0

  /// - Parameters:
  ///   - header: of `request`, whose options are right.
  ///   - own: the address that the answer comes from.
  ///   - time: when the request came: nanoseconds since the epoch.
  init(of request: borrowing Packet, _ header: IPHeader, own: UInt32, vnet: UInt32, time: UInt64) {
    var offset = IPHeader.size
    // Each round passes a byte at least.
    while offset < header.length, let number = request.octet(at: offset), number != IPOptions.Number.end {
      if number == IPOptions.Number.noOperation {
        offset &+= 1
        continue
      }
      guard let octet = request.octet(at: offset &+ 1) else { break }
      let length = Int(octet)
      guard length >= 2, offset &+ length <= header.length, count &+ length <= bytes.count else { break }
      switch number {
      case IPOptions.Number.recordRoute, IPOptions.Number.timestamp, IPOptions.Number.security:
        for index in 0..<length { bytes[count &+ index] = request.octet(at: offset &+ index) ?? 0 }
        var span = bytes.mutableSpan
        var list = unsafe span.mutableBytes
        if number == IPOptions.Number.recordRoute { list.recordRoute(at: count, address: own) }
        if number == IPOptions.Number.timestamp {
          list.recordTime(at: count, address: own, time: UniversalTime.milliseconds(at: time), vnet: vnet)
        }
        count &+= length
      default: break
      }
      offset &+= length
    }
    count = (count &+ 3) & ~3
  }

  /// Writes them, and zeros up to a whole word; there is room for `count` bytes at `offset`.
  func copy(to span: inout MutableRawSpan, at offset: Int) {
    for index in 0..<count { span.setU8(offset &+ index, bytes[index]) }
  }
}

/// Entries that each station on the way makes in options which were checked (RFC 791, section 3.1): the option lies at
/// `offset`, all of it.
extension MutableRawSpan {
  /// Enters an address into a record of the route, if there is room.
  @_lifetime(self: copy self)
  mutating func recordRoute(at offset: Int, address: UInt32) {
    let (length, pointer) = (Int(bytes.u8(offset &+ 1)), Int(bytes.u8(offset &+ 2)))
    // The pointer counts from 1.
    guard pointer >= 4, pointer &+ 3 <= length else { return }
    setU32(offset &+ pointer &- 1, address)
    setU8(offset &+ 2, UInt8(truncatingIfNeeded: pointer &+ 4))
  }

  /// Enters a time, in milliseconds since midnight UT, with or without the address, or where this host was named. Without
  /// room, one more station is counted that found none, as far as the field goes.
  @_lifetime(self: copy self)
  mutating func recordTime(at offset: Int, address: UInt32, time: UInt32, vnet: UInt32) {
    let (length, pointer) = (Int(bytes.u8(offset &+ 1)), Int(bytes.u8(offset &+ 2)))
    let flags = bytes.u8(offset &+ 3)
    let hasAddress = flags & 0xf != 0
    let entry = hasAddress ? 8 : 4
    guard pointer >= 5 else { return }
    guard pointer &+ entry &- 1 <= length else {
      if flags >> 4 < 15, flags & 0xf != 3 { setU8(offset &+ 3, flags &+ 0x10) }
      return
    }
    let place = offset &+ pointer &- 1
    if flags & 0xf == 3 {
      // Of named stations: only the next one enters itself.
      let kind = unsafe onLink.match(bytes.u32(place), vnet: vnet)?.value.kind
      guard kind == OnLink.Kind.own else { return }
    } else if hasAddress {
      setU32(place, address)
    }
    setU32(place &+ entry &- 4, time)
    setU8(offset &+ 2, UInt8(truncatingIfNeeded: pointer &+ entry))
  }
}
