import CNetISR
import NetISR
import TestSupport
import Testing

/// Fragments of protocol 2 come out at igmp's recorder, put together.
@Suite struct IPFragmentTests {
  static let second: UInt64 = 1_000_000_000

  static func datagram(_ count: Int, id: UInt16 = 7) -> IPPacket {
    IPPacket(identification: id, proto: 2, payload: pattern(count, seed: Int(id)))
  }

  /// The counters of ip that say something about fragments.
  static func counters(_ harness: Harness) -> [String: UInt64] {
    let names = ["fragments", "reassembled", "fragdropped", "fragtimeout", "fragoverlap"]
    return harness.counters("ip").filter { names.contains($0.key) }
  }

  static func delivered(_ harness: Harness) -> [[UInt8]] { harness.delivered(to: NETISR_IGMP).map(\.bytes) }

  // MARK: Putting together

  enum Order: CaseIterable { case forward, backward, shuffled, evenThenOdd }

  static func arrange(_ fragments: [[UInt8]], _ order: Order) -> [[UInt8]] {
    var generator = SeededGenerator(seed: UInt64(fragments.count))
    switch order {
    case .forward: return fragments
    case .backward: return fragments.reversed()
    case .shuffled: return fragments.shuffled(using: &generator)
    case .evenThenOdd:
      return [0, 1].flatMap { rest in fragments.enumerated().filter { $0.offset % 2 == rest }.map(\.element) }
    }
  }

  @Test(
    arguments: [
      (9, 8), (1537, 1536), (3000, 1480), (4000, 8), (12288, 1544), (65515, 1480), (65515, 8), (65515, 65504),
    ],
    Order.allCases)
  func anyCutInAnyOrder(_ shape: (count: Int, size: Int), _ order: Order) throws {
    let harness = try Harness.ip()
    let whole = Self.datagram(shape.count)
    let fragments = Self.arrange(whole.fragments(of: shape.size), order)
    for fragment in fragments.dropLast() {
      #expect(harness.input(NETISR_IP, fragment) == 0)
      // However small the fragments, a page for each 1,536 bytes and one mbuf for the header.
      #expect(harness.mbufsInFlight <= (shape.count + 1535) / 1536 + 1)
    }
    #expect(Self.delivered(harness).isEmpty)
    harness.input(NETISR_IP, fragments.last!)
    #expect(Self.delivered(harness) == [whole.bytes])
    #expect(Self.counters(harness) == ["fragments": UInt64(fragments.count), "reassembled": 1])
    #expect(harness.isIPBalanced)
    #expect(harness.mbufsInFlight == 0)
  }

  @Test func fragmentsInPieces() throws {
    let harness = try Harness.ip()
    let whole = Self.datagram(100)
    for cut in 0...60 {
      for fragment in whole.fragments(of: 40) { harness.input(NETISR_IP, fragment, split: [cut, 3, 1]) }
    }
    #expect(Self.delivered(harness) == Array(repeating: whole.bytes, count: 61))
    #expect(harness.mbufsInFlight == 0)
  }

  @Test func datagramsMixed() throws {
    let harness = try Harness.ip()
    // The same identification under other addresses and protocols, and other identifications.
    var wholes = (0..<40).map { Self.datagram(333 + $0 * 50, id: UInt16($0)) }
    for last in 1...40 {
      var other = Self.datagram(2000 + last, id: 3)
      other.source[3] = UInt8(last + 100)
      wholes.append(other)
      swap(&other.source, &other.destination)
      wholes.append(other)
    }
    var generator = SeededGenerator(seed: 1)
    let fragments = wholes.flatMap { $0.fragments(of: 104) }.shuffled(using: &generator)
    for fragment in fragments { harness.input(NETISR_IP, fragment) }
    let got = Self.delivered(harness)
    #expect(got.count == wholes.count && Set(got) == Set(wholes.map(\.bytes)))
    #expect(harness.mbufsInFlight == 0)
  }

  /// RFC 791, section 3.2: the header is the first fragment's; its options don't count for the others.
  @Test func theHeaderIsTheFirstOnes() throws {
    let harness = try Harness.ip()
    var whole = Self.datagram(64)
    whole.options = [148, 4, 0, 0, 7, 7, 4, 0, 0, 0, 0]
    whole.ttl = 9
    whole.tos = 0xb8
    let first = whole.fragment(0..<32)
    var rest = whole
    rest.ttl = 3
    rest.tos = 0
    rest.options = []
    rest.offset = 32
    rest.payload = Array(whole.payload[32...])
    harness.input(NETISR_IP, rest.bytes)
    harness.input(NETISR_IP, first)
    #expect(Self.delivered(harness) == [whole.bytes])
  }

  /// The packet came when the last fragment did.
  @Test func theTimeIsTheLastOnes() throws {
    let harness = try Harness.ip()
    let fragments = Self.datagram(24).fragments(of: 8)
    for (index, fragment) in fragments.enumerated() {
      harness.input(NETISR_IP, fragment, time: UInt64(index + 1) * Self.second)
    }
    let got = harness.delivered(to: NETISR_IGMP)
    #expect(got.map(\.time) == [3 * Self.second])
    #expect(got.first?.interfaceIndex == harness.interface.pointee.if_index)
  }

  /// RFC 3168, section 5.3.
  @Test(
    arguments: [
      ([2, 2, 2], 2), ([1, 1, 1], 1), ([0, 0, 0], 0), ([2, 3, 2], 3), ([3, 2, 2], 3), ([3, 1, 1], 3), ([0, 2, 2], 0),
      ([3, 0, 2], nil), ([0, 0, 3], nil),
    ] as [([UInt8], UInt8?)])
  func congestion(_ marks: [UInt8], _ expected: UInt8?) throws {
    let harness = try Harness.ip()
    let whole = Self.datagram(24)
    for (index, mark) in marks.enumerated() {
      var marked = whole
      marked.tos = 0x28 | mark
      harness.input(NETISR_IP, marked.fragment(index * 8..<index * 8 + 8))
    }
    var result = whole
    result.tos = 0x28 | (expected ?? 0)
    #expect(Self.delivered(harness) == (expected == nil ? [] : [result.bytes]))
    #expect(harness.counter("ip.fragdropped") == (expected == nil ? 3 : 0))
    #expect(harness.mbufsInFlight == 0)
  }

  @Test func aSwapInTheMiddleLosesNothing() throws {
    let harness = try Harness.ip()
    let whole = Self.datagram(5000)
    for fragment in whole.fragments(of: 512) {
      harness.input(NETISR_IP, fragment)
      try harness.reload("ip")
    }
    #expect(Self.delivered(harness) == [whole.bytes])
    #expect(harness.mbufsInFlight == 0)
  }

  // MARK: Overlaps

  @Test func duplicatesChangeNothing() throws {
    let harness = try Harness.ip()
    let whole = Self.datagram(3001)
    let fragments = whole.fragments(of: 1000)
    for fragment in [0, 0, 3, 3, 0, 2, 3, 2, 1].map({ fragments[$0] }) { harness.input(NETISR_IP, fragment) }
    #expect(Self.delivered(harness) == [whole.bytes])
    #expect(Self.counters(harness) == ["fragments": 9, "reassembled": 1, "fragdropped": 5, "fragoverlap": 5])
    #expect(harness.mbufsInFlight == 0)
  }

  /// Random ranges of random content against a model of bytes: what came first stays.
  @Test func whatCameFirstStays() throws {
    let harness = try Harness.ip()
    var generator = SeededGenerator(seed: 42)
    var overlaps: UInt64 = 0
    for round in 0..<400 {
      let blocks = Int.random(in: 2...100, using: &generator)
      let count = blocks * 8 - Int.random(in: 0..<8, using: &generator)
      var model = [UInt8?](repeating: nil, count: count)
      let id = UInt16(round)
      while model.contains(nil) {
        let first = Int.random(in: 0..<blocks, using: &generator)
        let last = min(blocks, first + Int.random(in: 1...max(2, blocks / 3), using: &generator))
        let range = first * 8..<min(last * 8, count)
        // All of it would be no fragment.
        if range.count == count { continue }
        if range.contains(where: { model[$0] != nil }) { overlaps += 1 }
        let content = (0..<range.count).map { _ in UInt8(truncatingIfNeeded: generator.next()) }
        for index in range where model[index] == nil { model[index] = content[index - range.lowerBound] }
        let fragment = IPPacket(
          identification: id, moreFragments: range.upperBound < count, offset: range.lowerBound, proto: 2,
          payload: content)
        harness.input(NETISR_IP, fragment.bytes)
      }
      let expected = IPPacket(identification: id, proto: 2, payload: model.map { $0! }).bytes
      #expect(Self.delivered(harness).last == expected, "round \(round)")
      harness.clearDelivered()
    }
    #expect(harness.counter("ip.reassembled") == 400)
    #expect(harness.counter("ip.fragoverlap") == overlaps)
    #expect(harness.mbufsInFlight == 0)
  }
}
