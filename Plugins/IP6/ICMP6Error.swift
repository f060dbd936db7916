import NetISRPlugin

/// An ICMPv6 error message (RFC 4443, section 3): what is wrong with a packet, for its sender.
struct ICMP6Error {
  let type: UInt8
  let code: UInt8
  /// The fifth to the eighth byte: an MTU, a pointer, or nothing.
  let parameter: UInt32

  private init(_ type: UInt8, _ code: UInt8, _ parameter: UInt32 = 0) {
    self.type = type
    self.code = code
    self.parameter = parameter
  }

  static let noRoute = ICMP6Error(ICMP6Type.unreach, 0)
  static let prohibited = ICMP6Error(ICMP6Type.unreach, 1)
  static let beyondScope = ICMP6Error(ICMP6Type.unreach, 2)
  static let addressUnreachable = ICMP6Error(ICMP6Type.unreach, 3)
  static let portUnreachable = ICMP6Error(ICMP6Type.unreach, 4)
  static let hopLimitExceeded = ICMP6Error(ICMP6Type.timeExceeded, 0)
  static let reassemblyTimeExceeded = ICMP6Error(ICMP6Type.timeExceeded, 1)

  static func tooBig(mtu: Int) -> ICMP6Error { ICMP6Error(ICMP6Type.tooBig, 0, UInt32(truncatingIfNeeded: mtu)) }

  /// Of the byte at `pointer`.
  static func problem(_ problem: HeaderProblem) -> ICMP6Error {
    ICMP6Error(ICMP6Type.parameterProblem, problem.code, problem.pointer)
  }

  /// Bytes that the message and its own header take of the 1,280 that every link lets through.
  private static let headers = IP6Header.size &+ 8

  /// Sends the message, of which the packet is the reason and the content: as much of it as fits. Where RFC 4443 forbids
  /// it (section 2.4 e), or there were too many of late (f), there is none.
  func send(about packet: consuming Packet) {
    guard let interface = packet.interface, !interface.isMonitor, mayBeSent(about: packet) else { return }
    let vnet = packet.vnet
    guard let destination = packet.address(at: IP6Header.sourceOffset),
      let addressed = packet.address(at: IP6Header.destinationOffset)
    else { return }
    guard RateLimit.takesOne(for: destination, vnet: vnet, isEssential: type == ICMP6Type.tooBig) else {
      return unsafe icmp6Counters.toofreq.add()
    }
    // From the address that was meant, if it is this host's; else from one that output chooses.
    let isOurs = unsafe addresses.isOwn(addressed, on: interface.index, vnet: vnet)
    let source = isOurs ? addressed : .unspecified

    var quoted = packet
    quoted.truncate(to: IP6Header.minimumMTU &- Self.headers)
    guard var message = quoted.prepending(Self.headers) else { return unsafe counters.nobufs.add() }
    let length = message.count &- IP6Header.size
    var bytes = message.mutableBytes
    bytes.setU32(0, 0x6000_0000)
    bytes.setU16(IP6Header.payloadLengthOffset, UInt16(truncatingIfNeeded: length))
    bytes.setU8(IP6Header.nextHeaderOffset, NextHeader.icmp6)
    // Filled in by output.
    bytes.setU8(IP6Header.hopLimitOffset, 0)
    bytes.set(source, at: IP6Header.sourceOffset)
    bytes.set(destination, at: IP6Header.destinationOffset)
    bytes.setU8(IP6Header.size, type)
    bytes.setU8(IP6Header.size &+ 1, code)
    bytes.setU16(IP6Header.size &+ 2, 0)
    bytes.setU32(IP6Header.size &+ 4, parameter)
    if !source.isUnspecified {
      var checksum = InternetChecksum(pseudo: source, destination, length: length, NextHeader.icmp6)
      message.add(from: IP6Header.size, count: length, to: &checksum)
      message.store(checksum.value, at: IP6Header.size &+ 2)
    }
    message.clearFlowID()
    count()
    ip6Output(message)
  }

  /// RFC 4443, section 2.4 (e).
  private func mayBeSent(about packet: borrowing Packet) -> Bool {
    guard let source = packet.address(at: IP6Header.sourceOffset),
      let destination = packet.address(at: IP6Header.destinationOffset),
      source.isHost, packet.flags & M_PROMISC == 0
    else { return false }
    // (e.3) and (e.4) have two exceptions: who sends to a group is to learn the path's MTU, and options that ask for it.
    let isException = type == ICMP6Type.tooBig || (type == ICMP6Type.parameterProblem && code == HeaderProblem.option)
    if destination.isMulticast || packet.flags & (M_BCAST | M_MCAST) != 0 { guard isException else { return false } }
    return !Self.isError(packet)
  }

  /// (e.1) and (e.2): whether the packet is itself such a message, or a redirect.
  private static func isError(_ packet: borrowing Packet) -> Bool {
    guard var kind = packet.u8(at: IP6Header.nextHeaderOffset) else { return true }
    var offset = IP6Header.size
    var headers = 0
    while NextHeader.isExtension(kind), headers < HeaderLimit.headers {
      guard let next = packet.u8(at: offset), let lengthField = packet.u8(at: offset &+ 1) else { return false }
      if kind == NextHeader.fragment, let header = FragmentHeader(packet, at: offset), header.offset > 0 {
        return false
      }
      offset &+= NextHeader.extensionLength(kind, lengthField: lengthField)
      kind = next
      headers &+= 1
    }
    guard kind == NextHeader.icmp6 else { return false }
    // What can't be told might be one.
    guard let type = packet.u8(at: offset) else { return true }
    return type < ICMP6Type.echo || type == ICMP6Type.redirect
  }

  private func count() {
    switch type {
    case ICMP6Type.unreach: unsafe icmp6Counters.snd_unreach.add()
    case ICMP6Type.tooBig: unsafe icmp6Counters.snd_toobig.add()
    case ICMP6Type.timeExceeded: unsafe icmp6Counters.snd_timxceed.add()
    default: unsafe icmp6Counters.snd_paramprob.add()
    }
  }
}

/// What a parameter problem message says (RFC 4443, section 3.4).
struct HeaderProblem {
  static let field: UInt8 = 0
  static let nextHeader: UInt8 = 1
  static let option: UInt8 = 2

  var code: UInt8
  /// The byte of the packet that is wrong.
  var pointer: UInt32

  init(_ code: UInt8, at pointer: Int) {
    self.code = code
    self.pointer = UInt32(truncatingIfNeeded: pointer)
  }
}
