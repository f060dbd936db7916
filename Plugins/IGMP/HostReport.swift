import NetISRPlugin

/// A message of this host's, whole with its IPv4 header: TTL 1, router alert, type of service 0xc0 (RFC 3376, section 4).
enum HostMessage {
  static let headerSize = 24

  /// A message of eight bytes, of version 1 or 2. False when it could not be sent.
  static func send(_ type: UInt8, _ group: Group, to destination: Group, by interface: Interface) -> Bool {
    guard var packet = begin(type, group.number, to: destination, by: interface) else {
      unsafe counters.sndFailed.add()
      return false
    }
    guard finish(&packet) else { return false }
    return output(packet, to: destination, by: interface)
  }

  /// Header and first eight bytes; lengths and checksums are 0 so far.
  static func begin(_ type: UInt8, _ word: UInt32, to destination: Group, by interface: Interface) -> Packet? {
    guard var packet = Packet.make() else { return nil }
    let bytes = InlineArray<32, UInt8>(repeating: 0)
    guard unsafe packet.append(bytes.span.bytes), packet.contiguousCount >= 32 else { return nil }
    var header = packet.mutableBytes
    // In bounds: 32 bytes were just appended to an empty cluster.
    header.setU8(0, 0x46)
    header.setU8(1, 0xc0)
    header.setU16(6, 0x4000)  // never fragmented, so that no identification is needed (RFC 6864, section 4.1)
    header.setU8(8, 1)
    header.setU8(9, 2)
    header.setU32(12, interface.firstIPv4)
    header.setU32(16, destination.number)
    header.setU32(20, 0x9404_0000)
    header.setU8(24, type)
    header.setU32(28, word)
    return packet
  }

  /// Puts lengths and checksums in their places. False when the packet lies in pieces.
  static func finish(_ packet: inout Packet) -> Bool {
    let count = packet.count
    guard packet.contiguousCount == count, count >= headerSize &+ IGMPMessage.size, count <= 0xffff else {
      return false
    }
    var body = InternetChecksum()
    packet.add(from: headerSize, count: count &- headerSize, to: &body)
    let bodySum = body.value
    packet.setField(26, bodySum)
    packet.setField(2, UInt16(truncatingIfNeeded: count))
    var header = InternetChecksum()
    packet.add(from: 0, count: headerSize, to: &header)
    let headerSum = header.value
    packet.setField(10, headerSum)
    return true
  }

  /// Sends it, and hands a copy to this host itself, as every member of the group gets it (RFC 1112, section 6.1).
  static func output(_ packet: consuming Packet, to destination: Group, by interface: Interface) -> Bool {
    if let packet = packet.copy() { loop(packet, by: interface) }
    guard packet.output(by: interface, toIPv4: destination.number) == 0 else {
      unsafe counters.sndFailed.add()
      return false
    }
    return true
  }

  private static func loop(_ input: consuming Packet, by interface: Interface) {
    var packet = input
    packet.flags |= M_LOCALOUT
    packet.setInterface(interface)
    packet.setTimestamp(netisr_time())
    // Queued: this may be in the midst of handling a query.
    packet.queue(to: NETISR_IGMP)
  }
}

/// A report of version 3, record by record.
struct HostReport: ~Copyable {
  private var packet: Packet
  private var records: UInt16 = 0
  /// Bytes that one packet on the link has room for.
  private let limit: Int

  /// Empty; nil when memory ran out.
  init?(by interface: Interface) {
    guard let packet = HostMessage.begin(MessageType.v3Report, 0, to: .allV3Routers, by: interface) else { return nil }
    self.packet = packet
    limit = min(max(interface.mtu, 576), Int(MCLBYTES) &- 64)
  }

  /// Adds a record, with sources as they are in packets. False when there is no room for it.
  mutating func add(
    _ type: UInt8, _ group: Group, _ sources: InlineArray<32, UInt32> = .init(repeating: 0), _ sourceCount: Int = 0
  ) -> Bool {
    guard packet.count &+ 8 &+ 4 &* sourceCount <= limit, sourceCount <= sources.count else { return false }
    let count = UInt16(truncatingIfNeeded: sourceCount)
    // The fields lie in memory as in the packet.
    let head: InlineArray<2, UInt32> = [
      (UInt32(type) << 24 | UInt32(count)).bigEndian, group.number.bigEndian,
    ]
    guard unsafe packet.append(head.span.bytes) else { return false }
    for index in 0..<sourceCount {
      let source: InlineArray<1, UInt32> = [sources[index]]
      guard unsafe packet.append(source.span.bytes) else { return false }
    }
    records &+= 1
    return true
  }

  /// Sends it.
  consuming func send(by interface: Interface) {
    packet.setField(30, records)
    guard HostMessage.finish(&packet), HostMessage.output(packet, to: .allV3Routers, by: interface) else { return }
    unsafe counters.sndReports.add()
  }
}

extension Group {
  static let allRouters = Group(number: 0xe000_0002)
  static let allV3Routers = Group(number: 0xe000_0016)
}

extension Packet {
  /// Writes a number of two bytes, inside of the first piece.
  fileprivate mutating func setField(_ offset: Int, _ value: UInt16) {
    guard offset &+ 2 <= contiguousCount else { return }
    var bytes = mutableBytes
    bytes.setU16(offset, value)
  }
}

extension Interface {
  /// Its first IPv4 address, as a number; 0.0.0.0 when it has none, which is right for a report (RFC 3376, section 4.2.13).
  fileprivate var firstIPv4: UInt32 {
    for index in 0..<addressCount {
      if let own = ipv4(at: index) { return own.address }
    }
    return 0
  }
}
