import Testing

@testable import PacketIO

/// Frames that stand for many, cut; each segment is checked by arithmetic of its own.
@Suite struct SegmenterTests {
  @Test(arguments: [(1, false, 0), (4, true, 0), (1, false, 4), (4, true, 4), (1, false, 8)])
  func tcp(type: Int, isIPv6: Bool, tags: Int) throws {
    let payload = (0..<4321).map { UInt8(truncatingIfNeeded: $0 &* 7) }
    let frame = Self.frame(proto: 6, isIPv6, tags, layer4: Self.tcp(flags: 0x99), payload)
    let segments = Self.split(frame, type, 1000)
    #expect(segments.count == 5)
    let network = 14 + tags
    let transport = network + (isIPv6 ? 48 : 24)
    var joined: [UInt8] = []
    for (number, segment) in segments.enumerated() {
      let isLast = number == 4
      #expect(segment.count == transport + 24 + (isLast ? 321 : 1000))
      #expect(Array(segment[..<network]) == Array(frame[..<network]))
      #expect(
        Self.big(segment, transport + 4, 4) == (0xffff_ff00 + number * 1000) & 0xffff_ffff, "sequence number wraps")
      // FIN, PSH of the last, ACK of all, CWR of the first.
      #expect(segment[transport + 13] == 0x10 | (isLast ? 0x09 : 0) | (number == 0 ? 0x80 : 0))
      if isIPv6 {
        #expect(Self.big(segment, network + 4, 2) == segment.count - network - 40)
      } else {
        #expect(Self.big(segment, network + 2, 2) == segment.count - network)
        #expect(Self.big(segment, network + 4, 2) == (0xffff + number) & 0xffff)
        #expect(Self.sum(Array(segment[network..<transport])) == 0xffff, "header checksum")
      }
      #expect(Self.layer4Sum(segment, network, transport, 6, isIPv6) == 0xffff)
      joined += segment[(transport + 24)...]
    }
    #expect(joined == payload)
  }

  @Test(arguments: [false, true]) func udp(isIPv6: Bool) throws {
    let payload = (0..<3000).map { UInt8(truncatingIfNeeded: $0 &* 13) }
    let frame = Self.frame(proto: 17, isIPv6, 0, layer4: [0, 9, 0, 7, 0, 0, 0xbe, 0xef], payload)
    let segments = Self.split(frame, 5, 1200)
    let transport = 14 + (isIPv6 ? 48 : 24)
    #expect(segments.map(\.count) == [1200, 1200, 600].map { $0 + transport + 8 })
    for segment in segments {
      #expect(Self.big(segment, transport + 4, 2) == segment.count - transport)
      #expect(Self.layer4Sum(segment, 14, transport, 17, isIPv6) == 0xffff)
    }
    #expect(segments.flatMap { $0[(transport + 8)...] } == payload)
  }

  /// Whatever a frame claims to be, it comes out, whole or cut, and nothing is read outside of it.
  @Test func anyBytes() {
    var random = SystemRandomNumberGenerator()
    let frame = Self.frame(proto: 6, true, 4, layer4: Self.tcp(flags: 0x10), [UInt8](repeating: 1, count: 500))
    for length in 0..<frame.count {
      for type in [1, 3, 4, 5, 77] {
        #expect(!Self.split(Array(frame[..<length]), type, 100).isEmpty)
      }
    }
    for _ in 0..<20_000 {
      var mutant = frame
      for _ in 0..<3 { mutant[Int.random(in: 0..<100, using: &random)] = .random(in: 0...255, using: &random) }
      let type = [1, 4, 5].randomElement(using: &random)!
      #expect(!Self.split(mutant, type, Int.random(in: 0...65535, using: &random)).isEmpty)
    }
  }

  /// A checksum that was left to the device, at even and odd lengths.
  @Test(arguments: [0, 1, 2, 3, 500, 1471]) func complete(count: Int) {
    let payload = (0..<count).map { UInt8(truncatingIfNeeded: $0 &* 11) }
    var frame = Self.frame(proto: 17, false, 0, layer4: [0, 9, 0, 7, 0, UInt8((count + 8) & 0xff), 0, 0], payload)
    frame[14 + 24 + 4] = UInt8((count + 8) >> 8)
    // What the sender has put there: the pseudo header's sum.
    let pseudo = Self.sum(Array(frame[26..<34]) + [0, 17] + frame[42..<44])
    (frame[44], frame[45]) = (UInt8(pseudo >> 8), UInt8(pseudo & 0xff))
    let isDone = frame.withUnsafeMutableBytes { Checksum.complete($0, from: 38, fieldAt: 6) }
    #expect(isDone)
    #expect(Self.layer4Sum(frame, 14, 38, 17, false) == 0xffff)
    for (start, field) in [(0, 6), (frame.count, 0), (frame.count - 1, 0), (70000, 6), (38, 70000)] {
      let before = frame
      #expect(!frame.withUnsafeMutableBytes { Checksum.complete($0, from: start, fieldAt: field) })
      #expect(frame == before)
    }
  }

  // MARK: Frames

  private static func split(_ frame: [UInt8], _ type: Int, _ payload: Int) -> [[UInt8]] {
    var frame = frame
    var segments: [[UInt8]] = []
    let segmenter = Segmenter()
    frame.withUnsafeMutableBytes { bytes in
      segmenter.split(bytes, as: UInt8(type), payload: payload) { segment in
        segments.append((0..<segment.byteCount).map { segment.byte(at: $0) })
      }
    }
    return segments
  }

  /// A header of 24 bytes, with an option of 4.
  private static func tcp(flags: UInt8) -> [UInt8] {
    [0, 80, 1, 2, 0xff, 0xff, 0xff, 0, 0, 0, 0, 1, 0x60, flags, 16, 0, 0xbe, 0xef, 0, 0, 2, 4, 5, 0xb4]
  }

  /// Tags, then IPv4 with an option of 4 bytes, or IPv6 with a hop-by-hop header of 8.
  private static func frame(
    proto: UInt8, _ isIPv6: Bool, _ tags: Int, layer4: [UInt8], _ payload: [UInt8]
  ) -> [UInt8] {
    var frame: [UInt8] = [2, 0, 0, 0, 0, 2, 2, 0, 0, 0, 0, 1]
    for tag in 0..<(tags / 4) { frame += tag == 0 && tags > 4 ? [0x88, 0xa8, 0, 9] : [0x81, 0, 0, 7] }
    if isIPv6 {
      frame += [0x86, 0xdd, 0x60, 0, 0, 0, 0xff, 0xff, 0, 64] + (0..<32).map { UInt8($0 + 1) }
      frame += [proto, 0, 1, 4, 0, 0, 0, 0]
    } else {
      frame += [8, 0, 0x46, 0, 0, 0, 0xff, 0xff, 0x40, 0, 64, proto, 0, 0, 10, 9, 0, 1, 10, 9, 0, 2, 1, 1, 1, 0]
    }
    return frame + layer4 + payload
  }

  private static func big(_ bytes: [UInt8], _ offset: Int, _ count: Int) -> Int {
    bytes[offset..<(offset + count)].reduce(0) { $0 << 8 | Int($1) }
  }

  /// RFC 1071, word by word.
  private static func sum(_ bytes: [UInt8]) -> Int {
    var sum = 0
    for (index, byte) in bytes.enumerated() { sum += index % 2 == 0 ? Int(byte) << 8 : Int(byte) }
    while sum > 0xffff { sum = (sum & 0xffff) + (sum >> 16) }
    return sum
  }

  /// Of the pseudo header and all of layer 4: 0xffff when the checksum is right.
  private static func layer4Sum(
    _ bytes: [UInt8], _ network: Int, _ transport: Int, _ proto: UInt8, _ isIPv6: Bool
  ) -> Int {
    let addresses = isIPv6 ? bytes[(network + 8)..<(network + 40)] : bytes[(network + 12)..<(network + 20)]
    let length = bytes.count - transport
    return sum(Array(addresses) + [0, proto, UInt8(length >> 8), UInt8(length & 0xff)] + bytes[transport...])
  }
}
