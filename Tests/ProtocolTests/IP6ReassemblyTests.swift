import CNetISR
import TestSupport
import Testing

/// Fragments (RFC 8200, section 4.5).
@Suite struct IP6ReassemblyTests {
  static let second: UInt64 = 1_000_000_000

  /// A datagram with an echo request of `count` data bytes, its fragmentable part cut at the offsets.
  struct Datagram {
    var whole: [UInt8]
    var id: UInt32

    init(_ count: Int, id: UInt32 = 7) {
      whole = IP6.echo((0..<count).map { UInt8(truncatingIfNeeded: $0 &* 31 &+ $0 >> 8) })
      self.id = id
    }

    func fragment(_ start: Int, _ end: Int, next: UInt8 = 58) -> [UInt8] {
      IP6.fragmentPacket(next, start, more: end < whole.count, id: id, Array(whole[start..<end]))
    }

    func fragments(of size: Int) -> [[UInt8]] {
      stride(from: 0, to: whole.count, by: size).map { fragment($0, min($0 + size, whole.count)) }
    }
  }

  func harness() throws -> Harness { try Harness(plugins: ["ip6"]) }

  func send(_ harness: Harness, _ packets: [[UInt8]], time: UInt64 = second, split: [Int] = []) {
    for packet in packets { harness.input(NETISR_IPV6, packet, time: time, split: split) }
  }

  func waiting(_ harness: Harness) -> Int {
    harness.engine.tableEntries(of: "ip6.reassembly", vnet: 0)?.count ?? 0
  }

  @Test(arguments: [8, 16, 1232, 1448, 2048, 2056, 4096, 30_000])
  func anyOrderMakesAWhole(size: Int) throws {
    let harness = try harness()
    var generator = SeededGenerator(seed: UInt64(size))
    for (round, count) in [5000, 2040, 2041, 4088, 9000].enumerated() {
      let fragments = Datagram(count, id: UInt32(round)).fragments(of: size)
      guard fragments.count > 1 else { continue }
      let before = harness.counter("icmp6.echo")
      send(harness, fragments)
      send(harness, fragments.reversed())
      send(harness, fragments.shuffled(using: &generator), split: [41, 3, 9])
      #expect(harness.counter("icmp6.echo") == before + 3, "\(count) bytes")
    }
    #expect(harness.counter("icmp6.badsum") == 0)
    #expect(harness.counter("ip6.fragdropped") == 0)
    #expect(harness.counter("ip6.reassembled") == harness.counter("icmp6.echo"))
    #expect(harness.mbufsInFlight == 0)
    #expect(waiting(harness) == 0)
  }

  /// 65,535 bytes in as many fragments as there can be.
  @Test func theLongestDatagramInTheSmallestFragments() throws {
    let harness = try harness()
    let datagram = Datagram(65_535 - 8)
    #expect(datagram.whole.count == 65_535)
    let fragments = datagram.fragments(of: 8)
    #expect(fragments.count == 8192)
    send(harness, fragments.dropLast())
    // 32 clusters, the map, the header: what the fragments came in is free again.
    #expect(harness.mbufsInFlight == 34)
    send(harness, [fragments[8191]])
    #expect(harness.counter("ip6.reassembled") == 1)
    #expect(harness.counter("icmp6.echo") == 1)
    #expect(harness.mbufsInFlight == 0)
  }

  @Test func aByteMoreIsTooLong() throws {
    let harness = try harness()
    let datagram = Datagram(65_536 - 8)
    send(harness, [datagram.fragment(65_528, 65_536)])
    #expect(harness.ip6Counters == ["ip6.total": 1, "ip6.fragments": 1, "ip6.fragdropped": 1])
    // The same with extension headers before the Fragment header: they count as payload.
    let late = IP6.packet(60, IP6.options(44, []) + IP6.fragment(58, 65_528, more: false, [1]))
    send(harness, [late])
    #expect(harness.counter("ip6.fragdropped") == 2)
    #expect(waiting(harness) == 0)
  }

  /// The first fragment's headers go before the whole; what follows the Fragment header is read in the whole.
  @Test func headersOfTheWhole() throws {
    let harness = try harness()
    let fragmentable = IP6.options(43, []) + IP6.routing(58, type: 4, segmentsLeft: 0) + IP6.echo(Array(0..<64))
    let first = IP6.packet(
      0, IP6.options(44, IP6.routerAlert) + IP6.fragment(60, 0, more: true, Array(fragmentable[..<88])))
    let last = IP6.packet(44, IP6.fragment(17, 88, more: false, Array(fragmentable[88...])))
    send(harness, [last, first])
    #expect(
      harness.ip6Counters == [
        "ip6.total": 2, "ip6.fragments": 2, "ip6.hopopts": 1, "ip6.dstopts": 1, "ip6.routing": 1,
        "ip6.reassembled": 1, "ip6.delivered": 1, "icmp6.echo": 1,
      ])
    #expect(harness.mbufsInFlight == 0)
  }

  @Test func longUnfragmentablePart() throws {
    let harness = try harness()
    let echo = IP6.echo(Array(0..<64))
    let options = IP6.options(44, [1, 200] + [UInt8](repeating: 0, count: 200))
    send(
      harness,
      [
        IP6.packet(60, options + IP6.fragment(58, 0, more: true, Array(echo[..<32]))),
        IP6.packet(60, options + IP6.fragment(58, 32, more: false, Array(echo[32...]))),
      ])
    #expect(harness.counter("icmp6.echo") == 1)
    #expect(harness.mbufsInFlight == 0)
  }

  @Test func hopByHopOptionsInsideAreOutOfOrder() throws {
    let harness = try harness()
    let inner = IP6.options(58, []) + IP6.echo()
    send(
      harness,
      [
        IP6.packet(44, IP6.fragment(0, 0, more: true, Array(inner[..<16]))),
        IP6.packet(44, IP6.fragment(0, 16, more: false, Array(inner[16...]))),
      ])
    #expect(harness.counter("ip6.reassembled") == 1)
    #expect(harness.counter("ip6.badorder") == 1)
  }

  @Test func fragmentsOfFragmentsGoNoFurther() throws {
    let harness = try harness()
    let inner = IP6.fragment(58, 0, more: true, id: 9, IP6.echo(Array(0..<24)))
    send(
      harness,
      [
        IP6.packet(44, IP6.fragment(44, 0, more: true, Array(inner[..<24]))),
        IP6.packet(44, IP6.fragment(44, 24, more: false, Array(inner[24...]))),
      ])
    #expect(harness.counter("ip6.reassembled") == 1)
    #expect(harness.counter("ip6.fragdropped") == 1)
    #expect(harness.mbufsInFlight == 0)
  }

  /// RFC 6946.
  @Test func atomicFragmentsWaitForNobody() throws {
    let harness = try harness()
    let datagram = Datagram(100)
    send(harness, [datagram.fragment(0, 64)])
    send(harness, [datagram.fragment(0, datagram.whole.count)])
    #expect(harness.counter("icmp6.echo") == 1)
    #expect(harness.counter("ip6.atomicfrags") == 1)
    #expect(harness.counter("ip6.reassembled") == 0)
    send(harness, [datagram.fragment(64, datagram.whole.count)])
    #expect(harness.counter("icmp6.echo") == 2)
    #expect(harness.counter("ip6.fragments") == 3)
  }

  @Test func exactDuplicatesAreDroppedAlone() throws {
    let harness = try harness()
    let datagram = Datagram(6000)
    let fragments = datagram.fragments(of: 1448)
    for fragment in fragments.dropLast() { send(harness, [fragment, fragment]) }
    send(harness, [fragments[0], fragments[2]])
    send(harness, [fragments[4]])
    #expect(harness.counter("ip6.fragdropped") == 6)
    #expect(harness.counter("icmp6.echo") == 1)
    #expect(harness.mbufsInFlight == 0)
  }

  /// Fragments of which the second contradicts the first: the datagram is given up, and stays so (RFC 5722).
  static let overlaps: [(String, [UInt8], [UInt8])] = {
    let datagram = Datagram(400)
    var changed = datagram.fragment(64, 128)
    changed[60] ^= 1
    let end = datagram.whole.count
    var longer = datagram
    longer.whole += [1, 2, 3]
    return [
      ("other bytes", datagram.fragment(64, 128), changed),
      ("a part", datagram.fragment(64, 128), datagram.fragment(64, 96)),
      ("more than it", datagram.fragment(64, 128), datagram.fragment(64, 160)),
      ("behind its start", datagram.fragment(64, 128), datagram.fragment(120, 160)),
      ("before its end", datagram.fragment(64, 128), datagram.fragment(0, 72)),
      ("inside", datagram.fragment(64, 192), datagram.fragment(96, 128)),
      ("around", datagram.fragment(96, 128), datagram.fragment(64, 192)),
      ("another end", datagram.fragment(64, end), longer.fragment(end / 8 * 8, end + 3)),
      (
        "an end before what is here", datagram.fragment(128, 192),
        IP6.fragmentPacket(58, 64, more: false, [UInt8](repeating: 0, count: 64))
      ),
      (
        "behind the end", datagram.fragment(64, end),
        IP6.fragmentPacket(58, 416, more: true, [UInt8](repeating: 0, count: 64))
      ),
      (
        "the same without more", datagram.fragment(64, 128),
        IP6.fragmentPacket(58, 64, more: false, Array(datagram.whole[64..<128]))
      ),
    ]
  }()

  @Test(arguments: overlaps.indices)
  func overlapsGiveTheDatagramUp(index: Int) throws {
    let (name, one, other) = Self.overlaps[index]
    for pair in [[one, other], [other, one]] {
      let harness = try harness()
      send(harness, pair)
      #expect(harness.counter("ip6.fragdropped") == 2, "\(name)")
      #expect(harness.mbufsInFlight == 0, "\(name)")
      // What comes later is not put together.
      send(harness, Datagram(400).fragments(of: 32))
      #expect(harness.counter("ip6.reassembled") == 0, "\(name)")
      #expect(harness.counter("ip6.fragdropped") == 2 + 13, "\(name)")
      // Until the minute is over.
      send(harness, Datagram(400).fragments(of: 32), time: 61 * Self.second)
      #expect(harness.counter("ip6.reassembled") == 1, "\(name)")
      #expect(harness.counter("ip6.fragtimeout") == 0, "\(name)")
    }
  }

  /// Two fragments that together are one which came before: the same bytes, but no exact duplicate.
  @Test func aDuplicateHasTheSameEnds() throws {
    let harness = try harness()
    let datagram = Datagram(400)
    send(harness, [datagram.fragment(0, 64), datagram.fragment(64, 128), datagram.fragment(0, 128)])
    #expect(harness.counter("ip6.fragdropped") == 3)
    #expect(harness.mbufsInFlight == 0)
  }

  static let refused: [(String, [UInt8])] = [
    ("no multiple of 8", IP6.fragmentPacket(58, 8, more: true, [1, 2, 3])),
    ("empty", IP6.fragmentPacket(58, 8, more: true, [])),
    ("an empty last one", IP6.fragmentPacket(58, 8, more: false, [])),
    ("first without the TCP header", IP6.fragmentPacket(6, 0, more: true, [UInt8](repeating: 0, count: 16))),
    (
      "first that ends in an extension header",
      IP6.fragmentPacket(60, 0, more: true, [58, 1] + [UInt8](repeating: 0, count: 6))
    ),
    ("first that ends before the upper layer", IP6.fragmentPacket(60, 0, more: true, IP6.options(17, []))),
  ]

  @Test(arguments: refused.indices)
  func somePiecesAreRefused(index: Int) throws {
    let harness = try harness()
    send(harness, [Self.refused[index].1])
    #expect(harness.counter("ip6.fragdropped") == 1, "\(Self.refused[index].0)")
    #expect(waiting(harness) == 0)
    #expect(harness.mbufsInFlight == 0)
  }

  @Test func aMinuteIsAllThereIs() throws {
    let harness = try harness()
    let (old, other) = (Datagram(400), Datagram(400, id: 8))
    send(harness, [old.fragment(0, 64), old.fragment(64, 128)])
    send(harness, [other.fragment(0, 64)], time: 60 * Self.second)
    #expect(waiting(harness) == 2)
    // The first one's minute is over, the other one's is not.
    send(harness, [other.fragment(64, 128)], time: 61 * Self.second)
    #expect(waiting(harness) == 1)
    #expect(harness.counter("ip6.fragtimeout") == 2)
    // An own fragment that comes too late begins anew.
    send(harness, [other.fragment(128, other.whole.count)], time: 200 * Self.second)
    #expect(harness.counter("ip6.fragtimeout") == 4)
    #expect(harness.counter("ip6.reassembled") == 0)
    // Time that goes back is no timeout.
    send(harness, [other.fragment(0, 128)], time: 100 * Self.second)
    #expect(harness.counter("ip6.reassembled") == 1)
    #expect(harness.mbufsInFlight == 0)
  }

  @Test func aMinuteIsOverAlsoWhenNothingComes() throws {
    let harness = try harness()
    send(harness, [Datagram(400).fragment(0, 64)], time: 10 * Self.second)
    send(harness, [Datagram(400, id: 8).fragment(0, 64)], time: 40 * Self.second)
    harness.advance(to: 71 * Self.second)
    #expect(waiting(harness) == 1 && harness.counter("ip6.fragtimeout") == 1)
    harness.advance(to: 102 * Self.second)
    #expect(waiting(harness) == 0 && harness.counter("ip6.fragtimeout") == 2)
    #expect(harness.mbufsInFlight == 0)
  }

  /// Another capture's time says nothing of this one's datagrams, nor do its fragments belong to them.
  @Test func clocksAreKeptApart() throws {
    let harness = try harness()
    let other = harness.engine.interfaces.make(
      name: "test1", type: IFT_ETHER, flags: UInt32(IFNET_MONITOR), ownClock: true)!
    let datagram = Datagram(400)
    send(harness, [datagram.fragment(0, 64)])
    harness.input(
      NETISR_IPV6, datagram.fragment(64, datagram.whole.count), time: 500 * Self.second, interface: other)
    harness.input(NETISR_IPV6, Datagram(400, id: 8).fragment(64, 128), time: 900 * Self.second, interface: other)
    #expect(harness.counter("ip6.reassembled") == 0)
    #expect(harness.counter("ip6.fragtimeout") == 1)
    send(harness, [datagram.fragment(64, datagram.whole.count)], time: 2 * Self.second)
    #expect(harness.counter("ip6.reassembled") == 1)
  }

  /// The bound on memory: old datagrams make room, and the host's pool is never emptied.
  @Test func memoryIsBounded() throws {
    let harness = try harness()
    let data = [UInt8](repeating: 1, count: 30_000)
    for id in 0..<1500 {
      send(harness, [IP6.fragmentPacket(58, 8, more: true, id: UInt32(id), data)])
    }
    let held = harness.engine.tableList().first { $0.name == "ip6.reassembly" }?.vnets.first?.heldBytes ?? 0
    #expect(held > 15 << 20 && held < 17 << 20)
    #expect(UInt64(waiting(harness)) + harness.counter("ip6.fragoverflow") == 1500)
    // The newest are still here.
    send(harness, [IP6.fragmentPacket(58, 0, more: true, id: 1499, [128, 0, 0, 0, 0, 0, 0, 0])])
    send(harness, [IP6.fragmentPacket(58, 30_008, more: false, id: 1499, [1])])
    #expect(harness.counter("ip6.reassembled") == 1)
  }

  @Test func datagramsAreBounded() throws {
    let harness = try harness()
    for id in 0..<5000 {
      send(harness, [IP6.fragmentPacket(58, 8, more: true, id: UInt32(id), [1, 2, 3, 4, 5, 6, 7, 8])])
    }
    #expect(waiting(harness) <= 4096)
    #expect(UInt64(waiting(harness)) + harness.counter("ip6.fragoverflow") == 5000)
  }

  /// Without memory for it, a fragment is dropped, and nothing else.
  @Test func withoutMemoryFragmentsAreDropped() throws {
    let harness = try Harness(plugins: ["ip6"], mbufLimit: 1 << 20)
    let data = [UInt8](repeating: 1, count: 30_000)
    for id in 0..<60 { send(harness, [IP6.fragmentPacket(58, 8, more: true, id: UInt32(id), data)]) }
    let overflow = harness.counter("ip6.fragoverflow") + harness.counter("ip6.nobufs")
    #expect(UInt64(waiting(harness)) + overflow == harness.counter("ip6.total"))
    #expect(harness.engine.conservation().isBalanced)
  }

  /// The state is the host's: a swap in the middle of a datagram changes nothing.
  @Test func aSwapInTheMiddle() throws {
    let harness = try harness()
    let fragments = Datagram(6000).fragments(of: 1000)
    send(harness, Array(fragments[..<3]))
    try harness.reload("ip6")
    send(harness, Array(fragments[3...]))
    #expect(harness.counter("icmp6.echo") == 1)
    #expect(harness.mbufsInFlight == 0)
  }
}
