import CNetISR
import Testing
import TestSupport

@Suite struct IGMPTests {
  static let second: UInt64 = 1_000_000_000
  static let group: [UInt8] = [239, 1, 2, 3]

  /// An IP packet with a message, whose checksum is put in its place.
  static func packet(_ message: [UInt8], options: [UInt8] = [0x94, 4, 0, 0], from source: [UInt8] = [10, 0, 0, 1])
    -> [UInt8]
  {
    var message = message
    if message.count >= 4 {
      let sum = checksum(message)
      message[2] = UInt8(sum >> 8)
      message[3] = UInt8(sum & 0xff)
    }
    let header = 20 + options.count
    let total = header + message.count
    return [UInt8(0x40 | header / 4), 0xc0, UInt8(total >> 8), UInt8(total & 0xff), 0, 0, 0, 0, 1, 2, 0, 0] + source
      + [224, 0, 0, 22] + options + message
  }

  static func checksum(_ bytes: [UInt8]) -> UInt16 {
    var sum: UInt32 = 0
    for (index, byte) in bytes.enumerated() { sum += UInt32(byte) << (index % 2 == 0 ? 8 : 0) }
    while sum > 0xffff { sum = sum >> 16 + sum & 0xffff }
    return ~UInt16(sum)
  }

  /// A version 1 or 2 message.
  static func message(_ type: UInt8, _ code: UInt8 = 0, group: [UInt8] = group) -> [UInt8] {
    [type, code, 0, 0] + group
  }

  /// A group record: type, group, sources, words of auxiliary data.
  static func record(_ type: UInt8, _ group: [UInt8] = group, sources: Int = 0, auxiliary: UInt8 = 0) -> [UInt8] {
    [type, auxiliary, UInt8(sources >> 8), UInt8(sources & 0xff)] + group
      + [UInt8](repeating: 9, count: 4 * (sources + Int(auxiliary)))
  }

  /// A version 3 report.
  static func report(_ records: [[UInt8]], count: Int? = nil) -> [UInt8] {
    let count = count ?? records.count
    return [0x22, 0, 0, 0, 0, 0, UInt8(count >> 8), UInt8(count & 0xff)] + records.joined()
  }

  static func counters(_ packet: [UInt8], split: [Int] = []) throws -> [String: UInt64] {
    let harness = try Harness(plugins: ["igmp"])
    harness.input(NETISR_IGMP, packet, split: split)
    #expect(harness.mbufsInFlight == 0)
    #expect(harness.engine.conservation().isBalanced)
    return harness.counters("igmp")
  }

  // MARK: Types

  @Test(
    arguments: [
      (message(0x11, 0, group: [0, 0, 0, 0]), "rcv_v1v2_queries"),
      (message(0x11, 100, group: [0, 0, 0, 0]), "rcv_v1v2_queries"),
      (message(0x11, 10), "rcv_v1v2_queries"), (message(0x11, 0, group: [10, 0, 0, 1]), "rcv_v1v2_queries"),
      ([0x11, 100, 0, 0, 0, 0, 0, 0, 2, 125, 0, 0], "rcv_v3_queries"),
      ([0x11, 100, 0, 0] + group + [2, 125, 0, 2, 10, 0, 0, 1, 10, 0, 0, 2], "rcv_v3_queries"),
      ([0x11, 100, 0, 0] + group + [2, 125, 0, 0, 1, 2, 3, 4, 5], "rcv_v3_queries"), (message(0x13), "rcv_other"),
      (message(0x14), "rcv_other"), (message(0xff), "rcv_other"), (message(0x30), "rcv_other"),
      (message(0), "rcv_other"),
    ] as [([UInt8], String)])
  func countsWhatTeachesNothing(message: [UInt8], counter: String) throws {
    #expect(try Self.counters(Self.packet(message)) == ["rcv_total": 1, counter: 1])
    #expect(try Self.counters(Self.packet(message, options: [])) == ["rcv_total": 1, counter: 1])
  }

  @Test(
    arguments: [
      (message(0x12), "rcv_v1_reports"), (message(0x16), "rcv_v2_reports"), (report([record(4)]), "rcv_v3_reports"),
      (message(0x16) + [1, 2, 3], "rcv_v2_reports"),
    ] as [([UInt8], String)])
  func countsReports(message: [UInt8], counter: String) throws {
    #expect(try Self.counters(Self.packet(message)) == ["rcv_total": 1, counter: 1, "joined": 1])
  }

  @Test func countsLeaves() throws {
    #expect(try Self.counters(Self.packet(Self.message(0x17))) == ["rcv_total": 1, "rcv_leaves": 1])
  }

  // MARK: Lengths and checksums

  @Test(arguments: 0..<8)
  func shortMessagesAreTooShort(length: Int) throws {
    let packet = Self.packet(Array(Self.message(0x16).prefix(length)))
    #expect(try Self.counters(packet) == ["rcv_total": 1, "rcv_tooshort": 1])
  }

  @Test func packetsCutShortAreTooShort() throws {
    let packet = Self.packet(Self.report([Self.record(4), Self.record(4, sources: 20)]))
    for length in 0..<packet.count {
      #expect(
        try Self.counters(Array(packet.prefix(length))) == ["rcv_total": 1, "rcv_tooshort": 1], "\(length) bytes")
    }
  }

  @Test(
    arguments: [(0x55, "rcv_badheader"), (0x05, "rcv_badheader"), (0x44, "rcv_badheader"), (0x40, "rcv_badheader")]
      as [(UInt8, String)])
  func refusesHeadersThatAreNone(first: UInt8, counter: String) throws {
    var packet = Self.packet(Self.message(0x16), options: [])
    packet[0] = first
    #expect(try Self.counters(packet) == ["rcv_total": 1, counter: 1])
  }

  @Test func aTotalLengthBelowTheHeaderIsTooShort() throws {
    for total in 0...31 as ClosedRange<UInt8> {
      var packet = Self.packet(Self.message(0x16))
      packet[3] = total
      #expect(try Self.counters(packet) == ["rcv_total": 1, "rcv_tooshort": 1], "total length \(total)")
    }
  }

  @Test func everyBitOfAMessageIsSummedUp() throws {
    let good = Self.packet(Self.report([Self.record(4, sources: 3, auxiliary: 1), Self.record(2)]) + [7])
    #expect(try Self.counters(good)["rcv_v3_reports"] == 1)
    for offset in 24..<good.count {
      var bad = good
      bad[offset] ^= 0x10
      #expect(try Self.counters(bad) == ["rcv_total": 1, "rcv_badsum": 1], "byte \(offset)")
    }
  }

  @Test func paddingIsNotPartOfTheMessage() throws {
    let padded = Self.packet(Self.message(0x16)) + [UInt8](repeating: 0xee, count: 14)
    #expect(try Self.counters(padded) == ["rcv_total": 1, "rcv_v2_reports": 1, "joined": 1])
  }

  // MARK: Bad content

  @Test(arguments: [9, 10, 11])
  func aQueryOfNoVersionIsBad(length: Int) throws {
    let message = Array(([0x11, 100, 0, 0, 0, 0, 0, 0, 2, 125, 0, 0] as [UInt8]).prefix(length))
    #expect(try Self.counters(Self.packet(message)) == ["rcv_total": 1, "rcv_badqueries": 1])
  }

  @Test func aQueryMustBeAboutAGroupAndHaveItsSources() throws {
    #expect(
      try Self.counters(Self.packet(Self.message(0x11, 100, group: [10, 0, 0, 1])))
        == ["rcv_total": 1, "rcv_v1v2_queries": 1, "rcv_badqueries": 1])
    #expect(
      try Self.counters(Self.packet([0x11, 100, 0, 0, 10, 0, 0, 1, 2, 125, 0, 0]))
        == ["rcv_total": 1, "rcv_v3_queries": 1, "rcv_badqueries": 1])
    for sources in [1, 2, 0xffff] {
      let message = [0x11, 100, 0, 0] + Self.group + [2, 125, UInt8(sources >> 8), UInt8(sources & 0xff), 1, 2, 3]
      #expect(
        try Self.counters(Self.packet(message)) == ["rcv_total": 1, "rcv_v3_queries": 1, "rcv_badqueries": 1])
    }
  }

  @Test(arguments: [(0x12, "rcv_v1_reports"), (0x16, "rcv_v2_reports"), (0x17, "rcv_leaves")] as [(UInt8, String)])
  func reportsAreOfGroupsThatCanBeJoined(type: UInt8, counter: String) throws {
    for group in [[0, 0, 0, 0], [10, 0, 0, 1], [223, 255, 255, 255], [240, 0, 0, 0], [224, 0, 0, 1]] as [[UInt8]] {
      #expect(
        try Self.counters(Self.packet(Self.message(type, group: group)))
          == ["rcv_total": 1, counter: 1, "rcv_badreports": 1], "\(group)")
    }
  }

  @Test func aReportThatBreaksOffTeachesNothing() throws {
    let cases = [
      Self.report([Self.record(4)], count: 2), Self.report([Self.record(4)], count: 0xffff), Self.report([], count: 1),
      Array(Self.report([Self.record(4), Self.record(4, sources: 5)]).dropLast()),
      Array(Self.report([Self.record(4), Self.record(4, auxiliary: 255)]).dropLast()),
    ]
    for message in cases {
      #expect(
        try Self.counters(Self.packet(message)) == ["rcv_total": 1, "rcv_v3_reports": 1, "rcv_badreports": 1])
    }
  }

  @Test func recordsOfNoKnownKindArePassedOver() throws {
    let message = Self.report([
      Self.record(0), Self.record(7, sources: 2), Self.record(4, [224, 0, 0, 1]), Self.record(4, [10, 0, 0, 1]),
      Self.record(4),
    ])
    #expect(
      try Self.counters(Self.packet(message))
        == ["rcv_total": 1, "rcv_v3_reports": 1, "rcv_badrecords": 4, "joined": 1])
  }

  @Test func aReportMayBeEmpty() throws {
    #expect(try Self.counters(Self.packet(Self.report([]))) == ["rcv_total": 1, "rcv_v3_reports": 1])
  }

  // MARK: Chains

  @Test func chainsAreReadAsOnePiece() throws {
    // Longer than what is brought together, with much to skip.
    let packet = Self.packet(
      Self.report([
        Self.record(4), Self.record(3, [239, 9, 9, 9], sources: 20, auxiliary: 1), Self.record(9, sources: 3),
        Self.record(4, [239, 8, 8, 8]),
      ]))
    let whole = try Self.counters(packet)
    #expect(whole == ["rcv_total": 1, "rcv_v3_reports": 1, "joined": 3, "rcv_badrecords": 1])
    for cut in 0...packet.count {
      #expect(try Self.counters(packet, split: [cut, 1, 0, 3]) == whole, "cut at \(cut) and behind")
    }
    #expect(try Self.counters(packet, split: [Int](repeating: 1, count: packet.count)) == whole)
  }

  @Test func aReportMayBeLongerThanAnyMbuf() throws {
    let records = (0..<8180).map { Self.record(4, [239, 2, UInt8($0 >> 8), UInt8($0 & 0xff)]) }
    let harness = try Harness(plugins: ["igmp"])
    harness.input(NETISR_IGMP, Self.packet(Self.report(records)), split: [Int](repeating: 37, count: 600))
    #expect(harness.counters("igmp") == ["rcv_total": 1, "rcv_v3_reports": 1, "joined": 8180])
    #expect(harness.tableCount("igmp.memberships") == 8180)
    #expect(harness.mbufsInFlight == 0)
  }

  @Test func countsWhatMemoryRanOutFor() throws {
    let harness = try Harness(plugins: ["igmp"], mbufLimit: 1 << 20)
    harness.inputWithoutMemory(NETISR_IGMP, Self.packet(Self.message(0x16)))
    #expect(harness.counters("igmp") == ["rcv_total": 1, "rcv_nobufs": 1])
    #expect(harness.mbufsInFlight == 0)
  }

  @Test func survivesDamage() throws {
    let harness = try Harness(plugins: ["igmp"])
    var mutator = ByteMutator(seed: 2)
    let good = [
      Self.message(0x16), Self.message(0x11, 10), [0x11, 100, 0, 0] + Self.group + [2, 125, 0, 1, 10, 0, 0, 1],
      Self.report([Self.record(4), Self.record(1, sources: 2, auxiliary: 1), Self.record(6, sources: 1)]),
      Self.message(0x17),
    ]
    let rounds = 30_000
    for round in 0..<rounds {
      // Half of them damaged before the checksum is made, so that it is right.
      let message = good[round % good.count]
      let bytes =
        round % 2 == 0 ? Self.packet(mutator.mutate(message)) : mutator.mutate(Self.packet(message))
      harness.input(NETISR_IGMP, bytes, time: mutator.next() >> (round % 64), split: mutator.split(bytes.count))
    }
    let counters = harness.counters("igmp")
    let types = [
      "rcv_v1v2_queries", "rcv_v3_queries", "rcv_v1_reports", "rcv_v2_reports", "rcv_v3_reports", "rcv_leaves",
      "rcv_other",
    ].compactMap { counters[$0] }.reduce(0, +)
    let refused = ["rcv_tooshort", "rcv_badheader", "rcv_badsum", "rcv_nobufs"].compactMap { counters[$0] }.reduce(0, +)
    #expect(counters["rcv_total"] == UInt64(rounds))
    // What is left are queries of no version.
    #expect(types + refused <= UInt64(rounds))
    #expect(types + refused + (counters["rcv_badqueries"] ?? 0) >= UInt64(rounds))
    #expect(harness.mbufsInFlight == 0)
    #expect(harness.engine.conservation().isBalanced)
  }
}
