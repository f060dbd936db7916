import NetISRPlugin

/// The fixed part of the IPv4 header (RFC 791, section 3.1): five words, read once, wherever they lie in the chain.
///
/// Its accessors only take these words apart: none can fail, whatever the bytes are.
struct IPHeader {
  /// Bytes of the fixed part.
  static let size = 20
  /// Bytes of a header with as many options as fit.
  static let limit = 60
  /// The most that the total length field can say.
  static let maximumPacket = 65_535

  private let first: UInt32
  private let second: UInt32
  private let third: UInt32
  /// Addresses, as numbers.
  let source: UInt32
  let destination: UInt32

  /// Nil when the packet is shorter than the fixed part.
  @inline(__always)
  init?(of packet: borrowing Packet) {
    if packet.contiguousCount >= Self.size {
      let bytes = packet.bytes
      first = bytes.u32(0)
      second = bytes.u32(4)
      third = bytes.u32(8)
      source = bytes.u32(12)
      destination = bytes.u32(16)
      return
    }
    guard packet.count >= Self.size, let first = packet.word(at: 0), let second = packet.word(at: 4),
      let third = packet.word(at: 8), let source = packet.word(at: 12), let destination = packet.word(at: 16)
    else { return nil }
    self.first = first
    self.second = second
    self.third = third
    self.source = source
    self.destination = destination
  }

  /// The sum over the fixed part, from which the sum over the header goes on with the options.
  @inline(__always)
  var sum: InternetChecksum {
    var sum = InternetChecksum()
    sum.add(first)
    sum.add(second)
    sum.add(third)
    sum.add(source)
    sum.add(destination)
    return sum
  }

  var version: UInt32 { first >> 28 }

  /// Bytes of the header with its options: 0 to 60, since the field counts words.
  var length: Int { Int(first >> 24 & 0xf) &* 4 }

  /// The type of service.
  var tos: UInt8 { UInt8(truncatingIfNeeded: first >> 16) }

  /// The two bits of explicit congestion notification (RFC 3168, section 5).
  var ecn: UInt32 { first >> 16 & 3 }

  /// Bytes of header and payload, as the field says.
  var totalLength: Int { Int(first & 0xffff) }

  var identification: UInt16 { UInt16(truncatingIfNeeded: second >> 16) }

  /// More fragments follow.
  var moreFragments: Bool { second & 0x2000 != 0 }

  /// Bytes of the datagram in front of this payload: 0 to 65,528.
  var fragmentOffset: Int { Int(second & 0x1fff) &* 8 }

  /// It must not be cut.
  var dontFragment: Bool { second & 0x4000 != 0 }

  /// A fragment, the first one included.
  var isFragment: Bool { second & 0x3fff != 0 }

  var protocolNumber: UInt8 { UInt8(truncatingIfNeeded: third >> 16) }

  /// Routers that it may still pass.
  var ttl: UInt8 { UInt8(truncatingIfNeeded: third >> 24) }

  /// The header's checksum, of which this is the one now, when its TTL is one less: the TTL is the upper half of a word.
  func checksumAfterHop(_ checksum: UInt16) -> UInt16 {
    var change = ChecksumChange(checksum)
    let word = UInt16(truncatingIfNeeded: third >> 16)
    change.replace(word, by: word &- 0x100)
    return change.checksum
  }
}

/// Protocol numbers (IANA) that this plugin knows something of.
enum ProtocolNumber {
  static let icmp: UInt8 = 1
  static let igmp: UInt8 = 2
  static let tcp: UInt8 = 6
  static let udp: UInt8 = 17
  static let dccp: UInt8 = 33
  static let sctp: UInt8 = 132
  static let udplite: UInt8 = 136

  /// Whether the payload begins with a source and a destination port.
  static func hasPorts(_ number: UInt8) -> Bool {
    number == tcp || number == udp || number == dccp || number == sctp || number == udplite
  }
}
