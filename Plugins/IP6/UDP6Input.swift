import NetISRPlugin

/// The counters of UDP over IPv6, after netstat(1)'s UDP statistics. The last three are drops.
struct UDP6Counters {
  /// Datagrams.
  var total = Counter()
  /// Handed to who claims their port, or all of UDP.
  var delivered = Counter()
  /// Shorter than their header, or than their header says.
  var tooshort = Counter()
  /// With a wrong checksum, or none, which IPv6 does not allow.
  var badsum = Counter()
  /// For ports that nobody claims.
  var noport = Counter()

  init() {}

  init(defining _: Void) throws(Errno) {
    total = try Counter("udp6.total")
    delivered = try Counter("udp6.delivered")
    tooshort = try Counter("udp6.tooshort")
    badsum = try Counter("udp6.badsum")
    noport = try Counter("udp6.noport")
  }
}

/// Bytes of a UDP header, and where its fields are (RFC 768).
private enum UDPHeader {
  static let size = 8
  static let destinationPort = 2
  static let length = 4
  static let checksum = 6
}

/// UDP over IPv6 (RFC 8200, section 8.1): gives a datagram to who claims its port, or all of UDP. Where only is listened and
/// nobody claims anything, it is counted, and not looked into.
func udp6Input(_ packet: consuming Packet, _ chain: HeaderChain) {
  unsafe udp6Counters.total.add()
  let isLive = packet.interface.map { !$0.isMonitor } ?? false
  guard unsafe isLive || !upperLayers.isEmpty else { return nobody(packet, isLive) }
  guard chain.end &- chain.offset >= UDPHeader.size, packet.count >= chain.end,
    let port = packet.u16(at: chain.offset &+ UDPHeader.destinationPort),
    let length = length(of: packet, chain)
  else { return unsafe udp6Counters.tooshort.add() }
  var checksum = InternetChecksum(
    pseudo: chain.source, chain.destination, length: length, NextHeader.udp)
  packet.add(from: chain.offset, count: length, to: &checksum)
  guard packet.u16(at: chain.offset &+ UDPHeader.checksum) != 0, checksum.value == 0 else {
    return unsafe udp6Counters.badsum.add()
  }
  let holder = unsafe upperLayers.holder(of: .udpPort(port)) ?? upperLayers.holder(of: .ipProtocol(NextHeader.udp))
  guard let holder else { return nobody(packet, isLive) }
  unsafe udp6Counters.delivered.add()
  hand(packet, to: holder)
}

/// Bytes of the datagram, by its own header; nil when they are not all there. 0 means "all" in a jumbogram (RFC 2675,
/// section 4).
private func length(of packet: borrowing Packet, _ chain: HeaderChain) -> Int? {
  guard let field = packet.u16(at: chain.offset &+ UDPHeader.length) else { return nil }
  let room = chain.end &- chain.offset
  if field == 0 && chain.jumboLength != nil { return room }
  return Int(field) >= UDPHeader.size && Int(field) <= room ? Int(field) : nil
}

/// Of a port that nobody has, the sender is told (RFC 4443, section 3.1).
private func nobody(_ packet: consuming Packet, _ isLive: Bool) {
  unsafe udp6Counters.noport.add()
  unsafe counters.noproto.add()
  if isLive { ICMP6Error.portUnreachable.send(about: packet) }
}

/// Written once, during registration, before any packet.
@exclusivity(unchecked) nonisolated(unsafe) var udp6Counters = UDP6Counters()
