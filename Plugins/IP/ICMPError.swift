import NetISRPlugin

/// A message that tells the sender of a packet why it did not arrive, or could go a shorter way (RFC 792).
struct ICMPError {
  let type: UInt8
  let code: UInt8
  /// The second word: a pointer, an MTU, an address, by type.
  var word: UInt32 = 0

  /// Message types.
  private enum MessageType {
    static let unreachable: UInt8 = 3
    static let redirect: UInt8 = 5
    static let timeExceeded: UInt8 = 11
    static let parameterProblem: UInt8 = 12
  }

  /// Codes of "destination unreachable" (RFC 792; RFC 1812, section 5.2.7.1).
  enum Unreachable: UInt8 {
    case network = 0
    case host = 1
    case protocolNumber = 2
    case port = 3
    case fragmentationNeeded = 4
    case sourceRouteFailed = 5
    case prohibited = 13
  }

  static func unreachable(_ code: Unreachable) -> ICMPError {
    ICMPError(type: MessageType.unreachable, code: code.rawValue)
  }

  /// The packet must not be cut, and the next link takes `mtu` bytes (RFC 1191, section 4).
  static func fragmentationNeeded(mtu: Int) -> ICMPError {
    ICMPError(
      type: MessageType.unreachable, code: Unreachable.fragmentationNeeded.rawValue,
      word: UInt32(truncatingIfNeeded: min(max(mtu, 0), 0xffff)))
  }

  /// Its time to live came to an end on the way.
  static var timeExceeded: ICMPError { ICMPError(type: MessageType.timeExceeded, code: 0) }

  /// Its other fragments did not come in time.
  static var reassemblyTimeExceeded: ICMPError { ICMPError(type: MessageType.timeExceeded, code: 1) }

  /// The byte at an offset of the header makes no sense.
  static func parameterProblem(at offset: Int) -> ICMPError {
    ICMPError(type: MessageType.parameterProblem, code: 0, word: UInt32(truncatingIfNeeded: offset) << 24)
  }

  /// Packets for that host should go to another router, whose address is a number.
  static func redirect(to gateway: UInt32) -> ICMPError {
    ICMPError(type: MessageType.redirect, code: 1, word: gateway)
  }

  // MARK: Sending

  /// The most that an error is, its IP header included (RFC 1812, section 4.3.2.3).
  private static let limit = 576
  private static let headers = IPHeader.size + ICMPMessage.minimum

  /// Tells the packet's sender, unless nobody is to be told, or too many were told just now. `packet` is as it came in.
  @inline(never)
  func send(about packet: borrowing Packet, _ header: IPHeader) {
    guard let interface = packet.interface, !interface.isMonitor else { return }
    unsafe icmpCounters.error.add()
    guard Self.mayBeTold(of: packet, header, at: interface) else { return }
    if type != MessageType.redirect, header.protocolNumber == ProtocolNumber.icmp {
      guard let about = packet.octet(at: header.length) else { return unsafe icmpCounters.oldshort.add() }
      guard ICMPMessage.isInformation(about) else { return unsafe icmpCounters.oldicmp.add() }
    }
    guard unsafe icmpLimit.take(for: header.source, vnet: interface.vnet, isEssential: isEssential) else {
      return unsafe icmpCounters.limited.add()
    }
    guard let message = make(about: packet, header, at: interface) else { return }
    count()
    ipOutput(message)
  }

  /// RFC 1122, section 3.2.2: nothing is said about fragments but the first, nor about what came to many stations, nor to
  /// a sender that is not one station.
  private static func mayBeTold(
    of packet: borrowing Packet, _ header: IPHeader, at interface: Interface
  ) -> Bool {
    guard header.fragmentOffset == 0, packet.flags & (M_BCAST | M_MCAST | M_PROMISC | manyFlag) == 0 else {
      return false
    }
    let destination = header.destination
    guard !IPAddress.isGroup(destination), destination != IPAddress.broadcast, destination != 0,
      !interface.isIPv4Broadcast(destination)
    else { return false }
    return IPAddress.isUnicast(header.source) && !interface.isIPv4Broadcast(header.source)
  }

  /// Without it, its receiver can send nothing more.
  private var isEssential: Bool {
    type == MessageType.unreachable && code == Unreachable.fragmentationNeeded.rawValue
  }

  /// The message: headers, and as much of the packet as fits.
  private func make(about packet: borrowing Packet, _ header: IPHeader, at interface: Interface) -> Packet? {
    var bytes = InlineArray<576, UInt8>(repeating: 0)
    let quoted = min(packet.count, header.totalLength, Self.limit &- Self.headers)
    let length = Self.headers &+ quoted
    let source = sourceAddress(of: packet, header, at: interface)
    let isThere = unsafe withUnsafeMutableBytes(of: &bytes) { storage in
      // In bounds: at most `limit`, which is as many as there are.
      var quote = unsafe MutableRawSpan(_unsafeBytes: storage[Self.headers..<length])
      return packet.copyBytes(from: 0, to: &quote)
    }
    guard isThere else { return nil }
    var span = bytes.mutableSpan
    var message = unsafe span.mutableBytes
    message.setU8(0, 0x45)
    // Internetwork control (RFC 1812, section 4.3.2.5).
    message.setU8(1, 0xc0)
    message.setU8(9, ProtocolNumber.icmp)
    message.setU32(12, source)
    message.setU32(16, header.source)
    message.setU8(20, type)
    message.setU8(21, code)
    message.setU32(24, word)
    var checksum = InternetChecksum()
    checksum.add(message.bytes.extracting(IPHeader.size..<length))
    message.setU16(22, checksum.value)

    guard var answer = Packet.make(), answer.append(message.bytes.extracting(first: length)) else { return nil }
    answer.setArrival(by: interface, at: packet.timestamp)
    return answer
  }

  /// About what was sent to an address of this host, the message comes from it; else from the interface where the packet
  /// came in; of one that was on its way out already, from where the message goes out: 0 leaves that to output.
  private func sourceAddress(of packet: borrowing Packet, _ header: IPHeader, at interface: Interface) -> UInt32 {
    if packet.flags & M_NEXTHOP != 0 { return 0 }
    if interface.hasIPv4(header.destination) || onLinkKind(header.destination, interface) == OnLink.Kind.own {
      return header.destination
    }
    return interface.sourceAddress(for: header.source) ?? 0
  }

  private func onLinkKind(_ address: UInt32, _ interface: Interface) -> UInt32? {
    unsafe onLink.match(address, vnet: interface.vnet)?.value.kind
  }

  private func count() {
    switch type {
    case MessageType.unreachable: unsafe icmpCounters.outunreach.add()
    case MessageType.redirect: unsafe icmpCounters.outredirect.add()
    case MessageType.timeExceeded: unsafe icmpCounters.outtimxceed.add()
    default: unsafe icmpCounters.outparamprob.add()
    }
  }
}
