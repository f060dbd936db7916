import NetISRPlugin

/// An ICMPv6 message that this station makes: put together byte by byte, and sent by one interface, past all routes.
struct OutgoingMessage {
  /// What every link takes.
  private var bytes = InlineArray<1280, UInt8>(repeating: 0)
  private var count = 0
  private let source: IP6Address
  private let destination: IP6Address
  /// Where the message begins behind the headers.
  private var start = 0

  /// Begins a message: headers, type and code, a checksum to be filled in.
  ///
  /// - Parameter isMLD: behind a router alert (RFC 2711), which MLD asks for.
  init(
    _ type: UInt8, code: UInt8 = 0, from source: IP6Address, to destination: IP6Address, hopLimit: UInt8 = 255,
    isMLD: Bool = false
  ) {
    self.source = source
    self.destination = destination
    put32(0x6000_0000)
    put16(0)
    put8(isMLD ? NextHeader.hopByHop : NextHeader.icmp6)
    put8(hopLimit)
    put(source)
    put(destination)
    if isMLD {
      put8(NextHeader.icmp6)
      put8(0)
      put8(OptionType.routerAlert)
      put8(2)
      put16(0)
      put8(OptionType.padN)
      put8(0)
    }
    start = count
    put8(type)
    put8(code)
    put16(0)
  }

  // MARK: Content; what is beyond the last byte is left out

  mutating func put8(_ value: UInt8) {
    guard count < bytes.count else { return }
    bytes[count] = value
    count &+= 1
  }

  mutating func put16(_ value: UInt16) {
    put8(UInt8(truncatingIfNeeded: value >> 8))
    put8(UInt8(truncatingIfNeeded: value))
  }

  mutating func put32(_ value: UInt32) {
    put16(UInt16(truncatingIfNeeded: value >> 16))
    put16(UInt16(truncatingIfNeeded: value))
  }

  mutating func put64(_ value: UInt64) {
    put32(UInt32(truncatingIfNeeded: value >> 32))
    put32(UInt32(truncatingIfNeeded: value))
  }

  mutating func put(_ address: IP6Address) {
    put64(address.high)
    put64(address.low)
  }

  /// An option with an Ethernet address (RFC 4861, section 4.6.1).
  mutating func put(_ type: UInt8, ether: UInt64) {
    put8(type)
    put8(1)
    put16(UInt16(truncatingIfNeeded: ether >> 32))
    put32(UInt32(truncatingIfNeeded: ether))
  }

  /// A nonce (RFC 3971, section 5.3.2) of 48 bits.
  mutating func put(nonce: UInt64) { put(DiscoveryOption.nonce, ether: nonce) }

  // MARK: Sending

  /// Fills in length and checksum, and gives the message to the link. False when it could not go.
  mutating func send(by interface: Interface) -> Bool {
    let length = UInt16(truncatingIfNeeded: count &- IP6Header.size)
    set16(IP6Header.payloadLengthOffset, length)
    var checksum = InternetChecksum(
      pseudo: source, destination, length: count &- start, NextHeader.icmp6)
    unsafe checksum.add(bytes.span.bytes.extracting(start..<count))
    set16(start &+ 2, checksum.value)
    guard var packet = Packet.make(), unsafe packet.append(bytes.span.bytes.extracting(0..<count)) else {
      unsafe counters.nobufs.add()
      return false
    }
    packet.setInterface(interface)
    return unsafe resolution.send(packet, to: destination, by: interface)
  }

  private mutating func set16(_ offset: Int, _ value: UInt16) {
    bytes[offset] = UInt8(truncatingIfNeeded: value >> 8)
    bytes[offset &+ 1] = UInt8(truncatingIfNeeded: value)
  }
}

extension InternetChecksum {
  /// The sum of a pseudo-header (RFC 8200, section 8.1).
  init(pseudo source: IP6Address, _ destination: IP6Address, length: Int, _ nextHeader: UInt8) {
    self.init()
    add(source)
    add(destination)
    add(UInt32(truncatingIfNeeded: length))
    add(UInt16(nextHeader))
  }

  private mutating func add(_ address: IP6Address) {
    add(UInt32(truncatingIfNeeded: address.high >> 32))
    add(UInt32(truncatingIfNeeded: address.high))
    add(UInt32(truncatingIfNeeded: address.low >> 32))
    add(UInt32(truncatingIfNeeded: address.low))
  }
}
