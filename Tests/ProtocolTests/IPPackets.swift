import CNetISR
import TestSupport

/// The Internet checksum of bytes that include none.
func internetChecksum(_ bytes: some Sequence<UInt8>) -> UInt16 {
  var sum: UInt32 = 0
  for (index, byte) in bytes.enumerated() { sum += UInt32(byte) << (index % 2 == 0 ? 8 : 0) }
  while sum > 0xffff { sum = sum >> 16 + sum & 0xffff }
  return ~UInt16(sum)
}

/// An IPv4 packet to be: every field can be made wrong.
struct IPPacket {
  var version: UInt8 = 4
  /// In words; nil: as the options need.
  var headerWords: UInt8?
  var tos: UInt8 = 0
  var totalLength: Int?
  var identification: UInt16 = 0x1234
  var moreFragments = false
  var dontFragment = false
  /// In bytes.
  var offset = 0
  var ttl: UInt8 = 64
  var proto: UInt8 = 17
  /// Added to the right checksum.
  var checksumError: UInt16 = 0
  var source: [UInt8] = [192, 0, 2, 1]
  var destination: [UInt8] = [198, 51, 100, 7]
  var options: [UInt8] = []
  var payload: [UInt8] = []
  var padding: [UInt8] = []

  var bytes: [UInt8] {
    var padded = options
    while padded.count % 4 != 0 { padded.append(0) }
    let length = 20 + padded.count
    let total = totalLength ?? length + payload.count
    let fragment = UInt16(offset / 8) | (moreFragments ? 0x2000 : 0) | (dontFragment ? 0x4000 : 0)
    var header: [UInt8] = [version << 4 | (headerWords ?? UInt8(length / 4)), tos]
    header += [UInt8(total >> 8 & 0xff), UInt8(total & 0xff)]
    header += [UInt8(identification >> 8), UInt8(identification & 0xff), UInt8(fragment >> 8), UInt8(fragment & 0xff)]
    header += [ttl, proto, 0, 0] + source + destination + padded
    let sum = internetChecksum(header) &+ checksumError
    header[10] = UInt8(sum >> 8)
    header[11] = UInt8(sum & 0xff)
    return header + payload + padding
  }

  /// The packet cut into fragments of `size` bytes of payload, a multiple of 8. Options stay with the first.
  func fragments(of size: Int) -> [[UInt8]] {
    stride(from: 0, to: payload.count, by: size).map { start in
      fragment(start..<min(start + size, payload.count))
    }
  }

  /// One fragment; the last one when it reaches the payload's end.
  func fragment(_ range: Range<Int>) -> [UInt8] {
    var part = self
    part.offset = range.lowerBound
    part.moreFragments = range.upperBound < payload.count
    part.payload = Array(payload[range])
    if range.lowerBound > 0 { part.options = [] }
    return part.bytes
  }
}

/// Bytes that differ from place to place.
func pattern(_ count: Int, seed: Int = 0) -> [UInt8] { Array(patternBytes[seed % 8191..<seed % 8191 + count]) }

private let patternBytes: [UInt8] = (0..<80_000).map { UInt8(truncatingIfNeeded: $0 &* 167 &+ $0 >> 8) }

/// An ICMP message with a right checksum.
func icmpMessage(type: UInt8, code: UInt8 = 0, rest: [UInt8] = [0, 0, 0, 1, 1, 2, 3]) -> [UInt8] {
  let sum = internetChecksum([type, code, 0, 0] + rest)
  return [type, code, UInt8(sum >> 8), UInt8(sum & 0xff)] + rest
}

extension Harness {
  /// ip alone: what it hands to igmp is recorded.
  static func ip() throws -> Harness { try Harness(plugins: ["ip"]) }

  /// Every packet ended in one place: the counters of ip add up. Fragments are accounted for by `IPFragmentTests`.
  var isIPBalanced: Bool {
    let drops = [
      "tooshort", "badvers", "badhlen", "badsum", "badlen", "badoptions", "badaddr", "otherhost", "cantforward",
    ]
    let dropped = drops.map { counter("ip.\($0)") }.reduce(0, +)
    let ended = counter("ip.delivered") + counter("ip.noproto") + counter("ip.forward")
    return counter("ip.total") + counter("ip.reassembled") == dropped + counter("ip.fragments") + ended
  }
}
