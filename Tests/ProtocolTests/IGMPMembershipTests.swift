import CNetISR
import NetISR
import Testing
import TestSupport

/// What igmp keeps in "igmp.memberships".
@Suite struct IGMPMembershipTests {
  typealias IGMP = IGMPTests
  static let table = "igmp.memberships"

  /// A membership as its value in the table has it.
  struct Membership: Equatable {
    var mode: UInt8
    var version: UInt8
    var reporter: [UInt8]
    var clock: UInt32
    var reports: UInt32
    var joined: UInt64
    var seen: UInt64

    init?(_ value: [UInt8]?) {
      guard let value else { return nil }
      mode = value[0]
      version = value[1]
      reporter = Array(value[4..<8])
      clock = value.number(at: 8)
      reports = value.number(at: 12)
      joined = value.number(at: 16)
      seen = value.number(at: 24)
    }
  }

  static let include: UInt8 = 1
  static let exclude: UInt8 = 2

  static func membership(_ harness: Harness, _ group: [UInt8] = IGMP.group) -> Membership? {
    Membership(harness.tableValue(table, harness.key(group)))
  }

  /// Hands a message in, `seconds` after the epoch of the capture.
  static func input(
    _ harness: Harness, _ message: [UInt8], at seconds: UInt64 = 1, from source: [UInt8] = [10, 0, 0, 1]
  ) {
    harness.input(NETISR_IGMP, IGMP.packet(message, from: source), time: seconds * IGMP.second)
  }

  @Test func learnsFromEveryVersion() throws {
    let harness = try Harness(plugins: ["igmp"])
    Self.input(harness, IGMP.message(0x12), at: 1)
    Self.input(harness, IGMP.message(0x16), at: 2, from: [10, 0, 0, 2])
    let second = try #require(Self.membership(harness))
    #expect(second.mode == Self.exclude && second.version == 2 && second.reporter == [10, 0, 0, 2])
    #expect(second.clock == harness.interface.pointee.if_clock && second.reports == 2)
    #expect(second.joined == IGMP.second && second.seen == 2 * IGMP.second)
    Self.input(harness, IGMP.report([IGMP.record(2)]), at: 3, from: [0, 0, 0, 0])
    let third = try #require(Self.membership(harness))
    #expect(third.mode == Self.exclude && third.version == 3 && third.reporter == [0, 0, 0, 0] && third.reports == 3)
    #expect(harness.tableCount(Self.table) == 1 && harness.counter("igmp.joined") == 1)
  }

  @Test func theTableIsAsItsReadersExpect() throws {
    let harness = try Harness(plugins: ["igmp"])
    let table = try #require(harness.engine.tableList().first { $0.name == Self.table })
    #expect(table.kind == .hash && table.keySize == 8 && table.valueSize == 32 && table.maxEntries == 16384)
  }

  @Test func aLeaveEndsAMembership() throws {
    let harness = try Harness(plugins: ["igmp"])
    Self.input(harness, IGMP.message(0x16))
    Self.input(harness, IGMP.message(0x17))
    Self.input(harness, IGMP.message(0x17))
    #expect(Self.membership(harness) == nil)
    #expect(harness.counter("igmp.left") == 1 && harness.counter("igmp.rcv_leaves") == 2)
  }

  @Test(
    arguments: [
      (1, 0, nil), (1, 2, include), (2, 0, exclude), (2, 2, exclude), (3, 0, nil), (3, 1, include), (4, 0, exclude),
      (4, 3, exclude), (5, 1, include), (6, 1, nil),
    ] as [(UInt8, Int, UInt8?)])
  func aRecordSaysHowAGroupIsJoined(type: UInt8, sources: Int, mode: UInt8?) throws {
    let harness = try Harness(plugins: ["igmp"])
    Self.input(harness, IGMP.report([IGMP.record(type, sources: sources)]))
    #expect(Self.membership(harness)?.mode == mode)
    #expect(harness.counter("igmp.rcv_badrecords") == 0)
  }

  @Test(
    arguments: [
      (1, 0, nil), (1, 2, include), (2, 1, exclude), (3, 0, nil), (3, 1, include), (4, 0, exclude), (5, 1, exclude),
      (6, 1, exclude),
    ] as [(UInt8, Int, UInt8?)])
  func aRecordChangesWhatIsKnown(type: UInt8, sources: Int, mode: UInt8?) throws {
    let harness = try Harness(plugins: ["igmp"])
    Self.input(harness, IGMP.message(0x16))
    Self.input(harness, IGMP.report([IGMP.record(type, sources: sources)]))
    #expect(Self.membership(harness)?.mode == mode)
    #expect(harness.counter("igmp.left") == (mode == nil ? 1 : 0))
  }

  @Test func recordsOfAReportAreTakenInOrder() throws {
    let harness = try Harness(plugins: ["igmp"])
    let other: [UInt8] = [232, 5, 5, 6]
    Self.input(harness, IGMP.report([IGMP.record(4), IGMP.record(5, other, sources: 1), IGMP.record(3)]))
    #expect(Self.membership(harness) == nil)
    #expect(Self.membership(harness, other)?.mode == Self.include)
    #expect(harness.counter("igmp.joined") == 2 && harness.counter("igmp.left") == 1)
  }

  // MARK: Time, bounds and swaps

  @Test func forgetsAfterTheMembershipInterval() throws {
    let harness = try Harness(plugins: ["igmp"])
    Self.input(harness, IGMP.message(0x16), at: 10)
    Self.input(harness, IGMP.message(0x16), at: 270)
    #expect(Self.membership(harness)?.reports == 2)
    Self.input(harness, IGMP.message(0x16), at: 531)
    let fresh = try #require(Self.membership(harness))
    #expect(fresh.reports == 1 && fresh.joined == 531 * IGMP.second)
    #expect(harness.counter("igmp.timeouts") == 1 && harness.counter("igmp.joined") == 2)
  }

  @Test func theDeadGoAlsoWhenNobodySpeaks() throws {
    let harness = try Harness(plugins: ["igmp"])
    for last in 1...9 as ClosedRange<UInt8> {
      Self.input(harness, IGMP.message(0x16, group: [239, 0, 0, last]), at: UInt64(last))
    }
    Self.input(harness, IGMP.message(0x16), at: 265)
    #expect(harness.counter("igmp.timeouts") == 4)
    #expect(harness.tableCount(Self.table) == 6)
    harness.advance(to: 400 * IGMP.second)
    #expect(harness.counter("igmp.timeouts") == 9 && harness.tableCount(Self.table) == 1)
    harness.advance(to: 526 * IGMP.second)
    #expect(harness.counter("igmp.timeouts") == 10 && harness.tableCount(Self.table) == 0)
  }

  @Test func theOldestMakesRoom() throws {
    let harness = try Harness(plugins: ["igmp"])
    for number in 0..<16384 + 10 {
      Self.input(harness, IGMP.message(0x16, group: [239, 1, UInt8(number >> 8), UInt8(number & 0xff)]))
    }
    #expect(harness.tableCount(Self.table) == 16384)
    #expect(harness.counter("igmp.evicted") == 10 && harness.counter("igmp.full") == 0)
    #expect(Self.membership(harness, [239, 1, 0, 9]) == nil)
    #expect(Self.membership(harness, [239, 1, 0, 10]) != nil)
  }

  @Test func membershipsSurviveASwap() throws {
    let harness = try Harness(plugins: ["igmp"])
    Self.input(harness, IGMP.message(0x16))
    try harness.reload("igmp")
    Self.input(harness, IGMP.message(0x16))
    #expect(Self.membership(harness)?.reports == 2)
    #expect(harness.counter("igmp.rcv_total") == 2)
  }
}
