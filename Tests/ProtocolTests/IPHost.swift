import CNetISR
import NetISR
import TestSupport
import Testing

/// This host between two networks: what ip sends is recorded in the place of arp, with interface and next hop.
struct IPHost {
  static let leftAddress: [UInt8] = [10, 1, 0, 1]
  static let rightAddress: [UInt8] = [10, 2, 0, 1]
  /// Stations there.
  static let alice: [UInt8] = [10, 1, 0, 7]
  static let bob: [UInt8] = [10, 2, 0, 9]
  static let second: UInt64 = 1_000_000_000

  let harness: Harness
  /// 10.1.0.1/24; routes call it 101.
  let left: UnsafeMutablePointer<ifnet>
  /// 10.2.0.1/24; routes call it 102.
  let right: UnsafeMutablePointer<ifnet>

  init(plugins: [String] = ["ip", "route"], forwarding: Bool = true, rightMTU: UInt32 = 1500) throws {
    harness = try Harness(plugins: plugins)
    left = try Self.make(harness, "left", Self.leftAddress, system: 101)
    right = try Self.make(harness, "right", Self.rightAddress, system: 102, mtu: rightMTU)
    noteChange()
    set("net.inet.ip.forwarding", forwarding ? 1 : 0)
  }

  static func make(
    _ harness: Harness, _ name: String, _ address: [UInt8], prefix: UInt8 = 24, system: UInt32, vnet: UInt32 = 0,
    mtu: UInt32 = 1500
  ) throws -> UnsafeMutablePointer<ifnet> {
    let interface = try #require(harness.engine.interfaces.make(name: name, type: IFT_ETHER, vnet: vnet, mtu: mtu))
    interface.pointee.if_sysindex = system
    interface.pointee.if_addrs.0.ia_family = 4
    interface.pointee.if_addrs.0.ia_prefixlen = prefix
    withUnsafeMutableBytes(of: &interface.pointee.if_addrs.0.ia_addr) { $0.copyBytes(from: address) }
    interface.pointee.if_addrcount = 1
    return interface
  }

  /// The plugin looks at the interfaces.
  func noteChange() {
    harness.engine.noteInterfaceChange()
    harness.engine.runCallouts()
  }

  func set(_ name: String, _ value: Int64) { #expect(harness.engine.setPluginSetting(name, to: value)) }

  /// A route by rtnetlink's message.
  func route(_ message: [UInt8]) { harness.input(NETISR_ROUTE, message) }

  var now: UInt64 { harness.engine.withAttachedThread { netisr_time() } }

  /// A packet comes in by the left interface, unless told otherwise.
  func input(
    _ packet: [UInt8], by interface: UnsafeMutablePointer<ifnet>? = nil, split: [Int] = [], flags: UInt32 = 0
  ) {
    harness.input(NETISR_IP, packet, time: now, split: split, interface: interface ?? left, flags: flags)
  }

  func input(_ packet: IPPacket, split: [Int] = [], flags: UInt32 = 0) {
    input(packet.bytes, split: split, flags: flags)
  }

  /// A datagram is made here, to be sent.
  func output(_ packet: [UInt8], by interface: UnsafeMutablePointer<ifnet>? = nil, split: [Int] = []) {
    harness.input(
      NETISR_IP, packet, time: now, split: split, interface: interface ?? left, flags: M_LOCALOUT)
  }

  /// What was sent since the last look.
  func take() -> [Harness.RecordedPacket] {
    defer { harness.clearDelivered() }
    return harness.delivered(to: NETISR_ARP)
  }

  /// The only packet that was sent since the last look.
  func takeOne(sourceLocation: SourceLocation = #_sourceLocation) throws -> Harness.RecordedPacket {
    let sent = take()
    #expect(sent.count == 1, sourceLocation: sourceLocation)
    return try #require(sent.first, sourceLocation: sourceLocation)
  }

  func counter(_ name: String) -> UInt64 { harness.counter(name) }
}

/// The fields of a datagram that was sent.
struct SentDatagram {
  let bytes: [UInt8]

  init(_ packet: Harness.RecordedPacket) { bytes = packet.bytes }
  init(_ bytes: [UInt8]) { self.bytes = bytes }

  var headerLength: Int { Int(bytes[0] & 0xf) * 4 }
  var totalLength: Int { Int(bytes[2]) << 8 | Int(bytes[3]) }
  var identification: UInt16 { UInt16(bytes[4]) << 8 | UInt16(bytes[5]) }
  var offset: Int { (Int(bytes[6] & 0x1f) << 8 | Int(bytes[7])) * 8 }
  var moreFragments: Bool { bytes[6] & 0x20 != 0 }
  var ttl: UInt8 { bytes[8] }
  var source: [UInt8] { Array(bytes[12..<16]) }
  var destination: [UInt8] { Array(bytes[16..<20]) }
  var options: [UInt8] { Array(bytes[20..<headerLength]) }
  var payload: [UInt8] { Array(bytes[headerLength...]) }

  /// Whether it is all there, and its header's checksum right.
  var isSound: Bool {
    bytes.count >= 20 && headerLength <= bytes.count && totalLength == bytes.count
      && internetChecksum(bytes[..<headerLength]) == 0
  }

  /// Of an ICMP message: type, code, second word, what it quotes; nil when its checksum is wrong.
  var icmp: (type: UInt8, code: UInt8, word: UInt32, quote: [UInt8])? {
    let message = payload
    guard bytes[9] == 1, message.count >= 8, internetChecksum(message) == 0 else { return nil }
    let word = message[4..<8].reduce(UInt32(0)) { $0 << 8 | UInt32($1) }
    return (message[0], message[1], word, Array(message[8...]))
  }

  /// Puts fragments together; nil unless they are one datagram, without overlaps or gaps.
  static func reassembled(_ fragments: [Harness.RecordedPacket]) -> [UInt8]? {
    let parts = fragments.map(SentDatagram.init).sorted { $0.offset < $1.offset }
    guard let first = parts.first, let last = parts.last, parts.allSatisfy(\.isSound), !last.moreFragments else {
      return nil
    }
    var payload: [UInt8] = []
    for part in parts {
      guard part.offset == payload.count, part.identification == first.identification, part.source == first.source,
        part.destination == first.destination, part.bytes[9] == first.bytes[9],
        part.moreFragments == (part.offset != last.offset)
      else { return nil }
      payload += part.payload
    }
    return payload
  }
}
