import NetISRPlugin

/// An ICMPv6 message inside of its packet: where it lies, and what its first bytes say.
///
/// Checked once by `init`: the message has its type's fixed part, all of it is in the packet, and its checksum is right.
/// Its bytes are read from the packet with offsets from `start`.
struct ICMP6Message {
  /// Where it begins in the packet, and where it ends.
  var start: Int
  var end: Int
  var type: UInt8
  var code: UInt8
  /// The receiving interface's index, 0 for a packet made in the host.
  var interfaceIndex: UInt32
  var vnet: UInt32

  var length: Int { end &- start }

  /// Why a message goes no further: one case per drop counter.
  enum Refusal: Error {
    case tooShort
    case badSum
    /// The capture ends inside of it; its type, if that is there.
    case snapped(type: UInt8?)
  }

  init(_ packet: borrowing Packet, _ chain: HeaderChain) throws(Refusal) {
    start = chain.offset
    end = chain.end
    guard end &- start >= ICMP6Type.headerSize else { throw .tooShort }
    guard packet.count >= end, let type = packet.u8(at: start), let code = packet.u8(at: start &+ 1) else {
      throw .snapped(type: packet.u8(at: start))
    }
    self.type = type
    self.code = code
    interfaceIndex = packet.interface?.index ?? 0
    vnet = packet.vnet

    // RFC 4443, section 2.3; the pseudo-header is RFC 8200's, section 8.1.
    var checksum = InternetChecksum(
      pseudo: chain.source, chain.destination, length: end &- start, NextHeader.icmp6)
    packet.add(from: start, count: end &- start, to: &checksum)
    guard checksum.value == 0 else { throw .badSum }
    guard end &- start >= ICMP6Type.minimum(type) else { throw .tooShort }
  }
}
