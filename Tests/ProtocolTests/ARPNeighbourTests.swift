import CNetISR
import NetISR
import Testing
import TestSupport

/// What arp keeps in "arp.neighbours".
@Suite struct ARPNeighbourTests {
  typealias ARP = ARPTests
  static let table = "arp.neighbours"
  static let minute = 60 * ARPTests.second

  /// A neighbour as its value in the table has it.
  struct Neighbour: Equatable {
    var link: [UInt8]
    var flags: UInt16
    var clock: UInt32
    var moves: UInt32
    var learned: UInt64
    var seen: UInt64

    init?(_ value: [UInt8]?) {
      guard let value else { return nil }
      link = Array(value[0..<6])
      flags = value.number(at: 6)
      clock = value.number(at: 8)
      moves = value.number(at: 12)
      learned = value.number(at: 16)
      seen = value.number(at: 24)
    }
  }

  static func neighbour(
    _ harness: Harness, _ address: [UInt8] = [10, 0, 0, 1], _ interface: UnsafeMutablePointer<ifnet>? = nil
  ) -> Neighbour? {
    Neighbour(harness.tableValue(table, harness.key(address, interface)))
  }

  /// A station's interface: 10.0.0.2 at bob's address.
  static func station(_ harness: Harness) throws -> UnsafeMutablePointer<ifnet> {
    let own = try #require(harness.engine.interfaces.make(name: "own", type: IFT_ETHER))
    own.pointee.if_lladdr = (2, 0, 0, 0, 0, 0xb, 0, 0)
    own.pointee.if_lladdrlen = 6
    own.pointee.if_addrs.0.ia_family = 6
    own.pointee.if_addrs.1.ia_family = 4
    withUnsafeMutableBytes(of: &own.pointee.if_addrs.1.ia_addr) { $0.copyBytes(from: [10, 0, 0, 2]) }
    own.pointee.if_addrcount = 2
    return own
  }

  @Test func learnsTheSender() throws {
    let harness = try Harness(plugins: ["arp"])
    harness.input(NETISR_ARP, ARP.packet(), time: 5 * ARP.second)
    let learned = try #require(Self.neighbour(harness))
    #expect(learned.link == ARP.alice && learned.flags == 0 && learned.moves == 0)
    #expect(learned.learned == 5 * ARP.second && learned.seen == 5 * ARP.second)
    #expect(learned.clock == harness.interface.pointee.if_clock)
    // The target is not learned: a request doesn't know its link-level address, a reply may be anybody's.
    #expect(harness.tableCount(Self.table) == 1)

    harness.input(NETISR_ARP, ARP.packet(ARP.reply), time: 6 * ARP.second)
    let confirmed = try #require(Self.neighbour(harness))
    #expect(confirmed.flags == 1 && confirmed.learned == 5 * ARP.second && confirmed.seen == 6 * ARP.second)
    #expect(harness.counters("arp") == ["received": 2, "rxrequests": 1, "rxreplies": 1, "learned": 1])
  }

  @Test func theTableIsAsItsReadersExpect() throws {
    let harness = try Harness(plugins: ["arp"])
    let table = try #require(harness.engine.tableList().first { $0.name == Self.table })
    #expect(table.kind == .hash && table.keySize == 8 && table.valueSize == 32 && table.maxEntries == 16384)
  }

  @Test func gratuitousPacketsMoveANeighbour() throws {
    let harness = try Harness(plugins: ["arp"])
    let own: [UInt8] = [10, 0, 0, 1]
    harness.input(NETISR_ARP, ARP.packet(from: own, to: own))
    harness.input(NETISR_ARP, ARP.packet(from: own, at: ARP.bob, to: own))
    harness.input(NETISR_ARP, ARP.packet(ARP.reply, from: own, at: ARP.alice, to: own))
    let neighbour = try #require(Self.neighbour(harness))
    #expect(neighbour.link == ARP.alice && neighbour.moves == 2)
    #expect(harness.counter("arp.moved") == 2 && harness.counter("arp.learned") == 1)
  }

  @Test func interfacesAreApart() throws {
    let harness = try Harness(plugins: ["arp"])
    let other = try #require(
      harness.engine.interfaces.make(name: "other", type: IFT_ETHER, flags: UInt32(IFNET_MONITOR), ownClock: true))
    harness.input(NETISR_ARP, ARP.packet())
    harness.input(NETISR_ARP, ARP.packet(at: ARP.bob), interface: other)
    #expect(Self.neighbour(harness)?.link == ARP.alice)
    #expect(Self.neighbour(harness, [10, 0, 0, 1], other)?.link == ARP.bob)
    #expect(harness.counter("arp.moved") == 0)
  }

  // MARK: A station's own interface

  @Test func aStationLearnsFromWhatIsMeantForIt() throws {
    let harness = try Harness(plugins: ["arp"])
    let own = try Self.station(harness)
    harness.input(NETISR_ARP, ARP.packet(to: [10, 0, 0, 3]), interface: own)
    #expect(Self.neighbour(harness, [10, 0, 0, 1], own) == nil)
    harness.input(NETISR_ARP, ARP.packet(to: [10, 0, 0, 2]), interface: own)
    #expect(Self.neighbour(harness, [10, 0, 0, 1], own)?.link == ARP.alice)
    // Known once, it is kept up to date by whatever it says (RFC 826: the merge comes before the target is looked at).
    let moved: [UInt8] = [2, 0, 0, 0, 0, 0xc]
    harness.input(NETISR_ARP, ARP.packet(at: moved, to: [10, 0, 0, 3]), interface: own)
    #expect(Self.neighbour(harness, [10, 0, 0, 1], own)?.link == moved)
    #expect(harness.counter("arp.moved") == 1)
  }

  @Test func aStationNoticesWhoClaimsItsAddress() throws {
    let harness = try Harness(plugins: ["arp"])
    let own = try Self.station(harness)
    harness.input(NETISR_ARP, ARP.packet(from: [10, 0, 0, 2], at: ARP.bob), interface: own)
    #expect(harness.counters("arp") == ["received": 1, "rxrequests": 1])
    harness.input(NETISR_ARP, ARP.packet(from: [10, 0, 0, 2], at: ARP.alice), interface: own)
    #expect(harness.counter("arp.dupip") == 1 && harness.counter("arp.dropped") == 1)
    #expect(harness.tableCount(Self.table) == 0)
  }

  @Test func whoOnlyListensLearnsItsOwnAddress() throws {
    let harness = try Harness(plugins: ["arp"])
    let own = try Self.station(harness)
    own.pointee.if_flags |= UInt32(IFNET_MONITOR)
    harness.input(NETISR_ARP, ARP.packet(from: [10, 0, 0, 2], to: [10, 0, 0, 9]), interface: own)
    #expect(Self.neighbour(harness, [10, 0, 0, 2], own)?.link == ARP.alice)
    #expect(harness.counter("arp.dupip") == 0)
  }

  @Test func withoutAnInterfaceNobodyIsLearned() throws {
    let harness = try Harness(plugins: ["arp"])
    harness.engine.withAttachedThread {
      guard let m = Harness.makeChain(ARP.packet()) else { return }
      _ = netisr_dispatch(UInt32(NETISR_ARP), m)
    }
    #expect(harness.counters("arp") == ["received": 1, "rxrequests": 1])
  }

  // MARK: Time

  @Test func forgetsAfterTwentyMinutes() throws {
    let harness = try Harness(plugins: ["arp"])
    harness.input(NETISR_ARP, ARP.packet(), time: Self.minute)
    harness.input(NETISR_ARP, ARP.packet(at: ARP.bob), time: 21 * Self.minute)
    #expect(harness.counter("arp.moved") == 1)
    // Silent for longer: not moved, but new.
    harness.input(NETISR_ARP, ARP.packet(), time: 41 * Self.minute + 1)
    let neighbour = try #require(Self.neighbour(harness))
    #expect(neighbour.learned == 41 * Self.minute + 1 && neighbour.moves == 0)
    #expect(harness.counter("arp.moved") == 1 && harness.counter("arp.learned") == 2)
    #expect(harness.counter("arp.timeouts") == 1)
  }

  @Test func theDeadGoAlsoWhenNobodySpeaks() throws {
    let harness = try Harness(plugins: ["arp"])
    let other = try #require(
      harness.engine.interfaces.make(name: "other", type: IFT_ETHER, flags: UInt32(IFNET_MONITOR), ownClock: true))
    for host in 1...9 as ClosedRange<UInt8> {
      harness.input(NETISR_ARP, ARP.packet(from: [10, 0, 0, host]), time: UInt64(host) * ARP.second)
    }
    harness.input(NETISR_ARP, ARP.packet(), time: ARP.second, interface: other)
    #expect(harness.tableCount(Self.table) == 10)
    // By its own clock no time has passed for the other interface.
    harness.input(NETISR_ARP, ARP.packet(from: [10, 0, 0, 99]), time: 20 * Self.minute + 5 * ARP.second)
    #expect(harness.counter("arp.timeouts") == 4)
    #expect(harness.tableCount(Self.table) == 7)
    // No packet comes: time alone is enough.
    harness.advance(to: 20 * Self.minute + 6 * ARP.second)
    #expect(harness.counter("arp.timeouts") == 5)
    harness.advance(to: 20 * Self.minute + 60 * ARP.second)
    #expect(harness.counter("arp.timeouts") == 9)
    #expect(harness.tableCount(Self.table) == 2)
    harness.advance(to: 60 * Self.minute)
    #expect(harness.counter("arp.timeouts") == 10)
    #expect(harness.tableCount(Self.table) == 1, "the other clock's")
  }

  @Test func theHostsClockAges() throws {
    let harness = try Harness(plugins: ["arp"])
    let own = try Self.station(harness)
    harness.input(NETISR_ARP, ARP.packet(), time: Harness.beginning, interface: own)
    #expect(harness.tableCount(Self.table) == 1)
    harness.pass(20 * Self.minute)
    #expect(harness.tableCount(Self.table) == 1)
    // A new generation goes on where the old one stopped.
    try harness.reload("arp")
    harness.pass(2 * ARP.second)
    #expect(harness.tableCount(Self.table) == 0 && harness.counter("arp.timeouts") == 1)
  }

  @Test func timeMayRunBackwards() throws {
    let harness = try Harness(plugins: ["arp"])
    harness.input(NETISR_ARP, ARP.packet(), time: .max)
    harness.input(NETISR_ARP, ARP.packet(at: ARP.bob), time: 0)
    harness.input(NETISR_ARP, ARP.packet(from: [10, 0, 0, 7]), time: 1)
    #expect(Self.neighbour(harness)?.seen == 0)
    #expect(harness.counter("arp.moved") == 1)
  }

  // MARK: Bounds and swaps

  @Test func theOldestMakesRoom() throws {
    let harness = try Harness(plugins: ["arp"])
    for host in 0..<16384 + 100 {
      let address: [UInt8] = [10, 1, UInt8(host >> 8), UInt8(host & 0xff)]
      harness.input(NETISR_ARP, ARP.packet(from: address))
    }
    #expect(harness.tableCount(Self.table) == 16384)
    #expect(harness.counter("arp.evicted") == 100)
    #expect(harness.counter("arp.learned") == 16484)
    #expect(harness.counter("arp.full") == 0)
    #expect(Self.neighbour(harness, [10, 1, 0, 99]) == nil)
    #expect(Self.neighbour(harness, [10, 1, 0, 100]) != nil)
  }

  @Test func neighboursSurviveASwap() throws {
    let harness = try Harness(plugins: ["arp"])
    harness.input(NETISR_ARP, ARP.packet())
    try harness.reload("arp")
    harness.input(NETISR_ARP, ARP.packet(at: ARP.bob))
    #expect(Self.neighbour(harness)?.moves == 1)
    #expect(harness.counters("arp") == ["received": 2, "rxrequests": 2, "learned": 1, "moved": 1])
  }
}
