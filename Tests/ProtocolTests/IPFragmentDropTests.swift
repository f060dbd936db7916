import CNetISR
import NetISR
import TestSupport
import Testing

/// Fragments that don't become a datagram: each is counted where it was dropped, and nothing of it stays.
@Suite struct IPFragmentDropTests {
  typealias Fragments = IPFragmentTests

  static func fragment(_ offset: Int, _ count: Int, more: Bool, id: UInt16 = 7) -> [UInt8] {
    IPPacket(
      identification: id, moreFragments: more, offset: offset, proto: 2, payload: pattern(count, seed: offset)
    ).bytes
  }

  struct Case: Sendable, CustomTestStringConvertible {
    var testDescription: String
    /// Offset, bytes, more to come.
    var fragments: [(Int, Int, Bool)]
    var dropped: UInt64
    var reassembled: UInt64 = 0
    /// mbufs in the table afterwards.
    var held = 0
  }

  static let cases = [
    Case(testDescription: "one in the middle of odd length", fragments: [(0, 17, true)], dropped: 1),
    Case(testDescription: "a first one of odd length", fragments: [(8, 1, true)], dropped: 1),
    Case(testDescription: "without payload", fragments: [(0, 0, true), (8, 0, true), (8, 0, false)], dropped: 3),
    Case(testDescription: "beyond 65,535 bytes", fragments: [(65528, 8, false)], dropped: 1),
    Case(testDescription: "one byte beyond", fragments: [(65512, 4, false)], dropped: 1),
    Case(testDescription: "as far as it goes", fragments: [(65512, 3, false)], dropped: 0, held: 1),
    Case(
      testDescription: "beyond, with what was held", fragments: [(0, 8, true), (16, 8, true), (65528, 80, false)],
      dropped: 3),
    Case(testDescription: "two ends, the second before", fragments: [(16, 8, false), (8, 8, false)], dropped: 2),
    Case(testDescription: "two ends, the second behind", fragments: [(16, 8, false), (24, 8, false)], dropped: 2),
    Case(testDescription: "two ends in one block", fragments: [(16, 5, false), (16, 6, false)], dropped: 2),
    Case(testDescription: "the same end twice", fragments: [(16, 5, false), (16, 5, false)], dropped: 1, held: 1),
    Case(
      testDescription: "bytes behind the end", fragments: [(0, 8, true), (16, 8, false), (24, 8, true)], dropped: 3),
    Case(testDescription: "an end before bytes", fragments: [(24, 8, true), (8, 8, false)], dropped: 2),
    Case(testDescription: "more to come at the end", fragments: [(8, 8, false), (8, 8, true)], dropped: 2),
    Case(testDescription: "an end where more was to come", fragments: [(8, 8, true), (8, 8, false)], dropped: 2),
    Case(
      testDescription: "a new start after the contradiction",
      fragments: [(8, 8, false), (16, 8, false), (0, 8, true), (8, 8, false)], dropped: 2, reassembled: 1),
    Case(
      testDescription: "the teardrop: a last one inside of what is there",
      fragments: [(0, 40, true), (24, 4, false)], dropped: 2),
  ]

  @Test(arguments: cases)
  func malformedOrContradictory(_ example: Case) throws {
    let harness = try Harness.ip()
    for (offset, count, more) in example.fragments {
      harness.input(NETISR_IP, Self.fragment(offset, count, more: more))
    }
    #expect(harness.counter("ip.fragments") == UInt64(example.fragments.count))
    #expect(harness.counter("ip.fragdropped") == example.dropped)
    #expect(harness.counter("ip.reassembled") == example.reassembled)
    #expect(harness.mbufsInFlight == example.held)
    #expect(harness.isIPBalanced)
  }

  /// The first fragment's options make the whole longer than its parts.
  @Test func tooLongWithTheFirstOnesOptions() throws {
    let harness = try Harness.ip()
    var whole = IPPacket(proto: 2, options: [UInt8](repeating: 1, count: 40), payload: pattern(65476))
    var fragments = whole.fragments(of: 32768)
    for fragment in fragments { harness.input(NETISR_IP, fragment) }
    #expect(harness.counter("ip.fragdropped") == 2)
    #expect(harness.mbufsInFlight == 0)
    whole.payload.removeLast()
    fragments = whole.fragments(of: 32768)
    for fragment in fragments { harness.input(NETISR_IP, fragment) }
    #expect(Fragments.delivered(harness) == [whole.bytes])
  }

  /// What a capture cut can't be put together; it is a fragment all the same.
  @Test func cutByTheCapture() throws {
    let harness = try Harness.ip()
    let whole = Fragments.datagram(2000)
    let fragments = whole.fragments(of: 1000)
    harness.input(NETISR_IP, fragments[0])
    harness.input(NETISR_IP, Array(fragments[1].prefix(68)), wireLength: fragments[1].count)
    #expect(Fragments.counters(harness) == ["fragments": 2, "fragdropped": 1])
    harness.input(NETISR_IP, fragments[1], wireLength: fragments[1].count + 4)
    #expect(Fragments.delivered(harness) == [whole.bytes])
  }

  // MARK: Time

  @Test func theRestCameTooLate() throws {
    let harness = try Harness.ip()
    let fragments = Fragments.datagram(24).fragments(of: 8)
    harness.input(NETISR_IP, fragments[0], time: 100 * Fragments.second)
    harness.input(NETISR_IP, fragments[1], time: 129 * Fragments.second)
    // By the first fragment's time, not by the last one's.
    harness.input(NETISR_IP, fragments[2], time: 130 * Fragments.second + 1)
    #expect(Fragments.counters(harness) == ["fragments": 3, "fragtimeout": 2])
    #expect(harness.mbufsInFlight == 1)
    // And a whole datagram is begun again.
    harness.input(NETISR_IP, fragments[0], time: 131 * Fragments.second)
    harness.input(NETISR_IP, fragments[1], time: 160 * Fragments.second)
    #expect(Fragments.counters(harness) == ["fragments": 5, "fragtimeout": 2, "reassembled": 1])
    #expect(harness.mbufsInFlight == 0)
  }

  @Test func anyFragmentSweepsTheDeadAway() throws {
    let harness = try Harness.ip()
    for id in 0..<100 {
      for fragment in Fragments.datagram(24, id: UInt16(id)).fragments(of: 8).dropFirst() {
        harness.input(NETISR_IP, fragment, time: 10 * Fragments.second)
      }
    }
    harness.input(NETISR_IP, Self.fragment(8, 8, more: true, id: 999), time: 40 * Fragments.second)
    #expect(harness.counter("ip.fragtimeout") == 0)
    harness.input(NETISR_IP, Self.fragment(8, 8, more: true, id: 998), time: 41 * Fragments.second)
    #expect(harness.counter("ip.fragtimeout") == 200)
    #expect(harness.mbufsInFlight == 2)
  }

  @Test func theDeadGoAlsoWhenNothingComes() throws {
    let harness = try Harness.ip()
    let fragments = Fragments.datagram(24).fragments(of: 8)
    harness.input(NETISR_IP, fragments[0], time: 10 * Fragments.second)
    harness.advance(to: 25 * Fragments.second)
    harness.input(NETISR_IP, Self.fragment(8, 8, more: true, id: 999), time: 25 * Fragments.second)
    harness.advance(to: 40 * Fragments.second)
    #expect(harness.counter("ip.fragtimeout") == 0)
    harness.advance(to: 40 * Fragments.second + 1)
    #expect(harness.counter("ip.fragtimeout") == 1)
    // By a new generation, too.
    try harness.reload("ip")
    harness.advance(to: 57 * Fragments.second)
    #expect(harness.counter("ip.fragtimeout") == 2 && harness.mbufsInFlight == 0)
  }

  /// A capture is not always in order, and may begin again.
  @Test func timeMayGoBack() throws {
    let harness = try Harness.ip()
    let whole = Fragments.datagram(24)
    let fragments = whole.fragments(of: 8)
    for (fragment, time) in zip(fragments, [500, 400, 1] as [UInt64]) {
      harness.input(NETISR_IP, fragment, time: time * Fragments.second)
    }
    #expect(Fragments.delivered(harness) == [whole.bytes])
    #expect(harness.counter("ip.fragtimeout") == 0)
  }

  @Test func clocksAndVLANsAreApart() throws {
    let harness = try Harness.ip()
    let other = harness.engine.interfaces.make(
      name: "other", type: IFT_ETHER, flags: UInt32(IFNET_MONITOR), mtu: 65535, ownClock: true)!
    let fragments = Fragments.datagram(24).fragments(of: 8)
    harness.input(NETISR_IP, fragments[0], time: 10 * Fragments.second)
    harness.input(NETISR_IP, fragments[1], time: 9000 * Fragments.second, interface: other)
    harness.input(NETISR_IP, fragments[2], time: 9002 * Fragments.second, interface: other)
    // The other clock has swept twice; this one's datagram is there.
    #expect(Fragments.counters(harness) == ["fragments": 3])
    harness.input(NETISR_IP, fragments[1], time: 11 * Fragments.second)
    harness.input(NETISR_IP, fragments[2], time: 12 * Fragments.second)
    #expect(harness.counter("ip.reassembled") == 1)

    func input(_ bytes: [UInt8], vlan: UInt16) {
      harness.engine.withAttachedThread {
        let m = Harness.makeChain(bytes)!
        m.pointee.m_pkthdr.rcvif = harness.interface
        m.pointee.m_flags |= M_VLANTAG
        m.pointee.m_pkthdr.ether_vtag = vlan
        _ = netisr_dispatch(UInt32(NETISR_IP), m)
      }
    }
    input(fragments[0], vlan: 5)
    input(fragments[1], vlan: 6)
    input(fragments[2], vlan: 5)
    #expect(harness.counter("ip.reassembled") == 1)
    input(fragments[1], vlan: 0xe005)  // with another priority
    #expect(harness.counter("ip.reassembled") == 2)
    #expect(harness.delivered(to: NETISR_IGMP).last?.vlanTag == 0xe005)
  }

  // MARK: Room

  @Test func theOldestDatagramMakesRoom() throws {
    let harness = try Harness.ip()
    for id in 0..<4096 { harness.input(NETISR_IP, Self.fragment(8, 8, more: true, id: UInt16(id))) }
    #expect(harness.counter("ip.fragdropped") == 0)
    #expect(harness.mbufsInFlight == 4096)
    for id in 4096..<4106 { harness.input(NETISR_IP, Self.fragment(8, 8, more: true, id: UInt16(id))) }
    #expect(Fragments.counters(harness) == ["fragments": 4106, "fragdropped": 10])
    #expect(harness.mbufsInFlight == 4096)
    // Numbers 0 to 9 are gone; 10 is there.
    harness.input(NETISR_IP, Self.fragment(16, 8, more: false, id: 10))
    harness.input(NETISR_IP, Self.fragment(0, 8, more: true, id: 10))
    #expect(harness.counter("ip.reassembled") == 1)
  }

  @Test func memoryIsBounded() throws {
    let harness = try Harness.ip()
    var most = 0
    // Datagrams of all their pages, but never their last fragment.
    var whole = Fragments.datagram(65512)
    for id in 0..<300 {
      whole.identification = UInt16(id)
      for range in [0..<32752, 32752..<65504] { harness.input(NETISR_IP, whole.fragment(range)) }
      most = max(most, harness.mbufsInFlight)
    }
    #expect(most * (Int(MSIZE) + Int(MCLBYTES)) <= 17 << 20)
    // Those that are still held, of 43 pages and a header, and the dropped ones, are all.
    let held = UInt64(harness.mbufsInFlight / 44 * 2)
    #expect(held > 300)
    #expect(harness.counter("ip.fragdropped") + held == 600)
  }

  /// When the host has no buffers left, fragments are dropped, and nothing else happens.
  @Test func withoutMemory() throws {
    let harness = try Harness(plugins: ["ip"], mbufLimit: 1 << 20)
    var inputs: UInt64 = 0
    for id in 0..<2000 where harness.input(NETISR_IP, Self.fragment(0, 800, more: true, id: UInt16(id))) == 0 {
      inputs += 1
    }
    #expect(harness.counter("ip.fragments") == inputs)
    #expect(harness.engine.mbufStatistics.bytes <= 1 << 20)
    #expect(harness.isIPBalanced)
  }
}
