import CNetISR
import Testing
import TestSupport

@Suite struct ARPTests {
  static let second: UInt64 = 1_000_000_000
  static let alice: [UInt8] = [2, 0, 0, 0, 0, 0xa]
  static let bob: [UInt8] = [2, 0, 0, 0, 0, 0xb]

  /// A packet as RFC 826 lays it out; the fixed part is literal.
  static func packet(
    _ header: [UInt8] = request, from sender: [UInt8] = [10, 0, 0, 1], at link: [UInt8] = alice,
    to target: [UInt8] = [10, 0, 0, 2]
  ) -> [UInt8] {
    header + link + sender + [0, 0, 0, 0, 0, 0] + target
  }
  static let request: [UInt8] = [0, 1, 8, 0, 6, 4, 0, 1]
  static let reply: [UInt8] = [0, 1, 8, 0, 6, 4, 0, 2]

  static func counters(_ packet: [UInt8], split: [Int] = []) throws -> [String: UInt64] {
    let harness = try Harness(plugins: ["arp"])
    harness.input(NETISR_ARP, packet, split: split)
    #expect(harness.mbufsInFlight == 0)
    #expect(harness.engine.conservation().isBalanced)
    return harness.counters("arp")
  }

  // MARK: What is counted

  @Test func countsRequestsAndReplies() throws {
    #expect(try Self.counters(Self.packet()) == ["received": 1, "rxrequests": 1, "learned": 1])
    #expect(try Self.counters(Self.packet(Self.reply)) == ["received": 1, "rxreplies": 1, "learned": 1])
    // Behind 802.2.
    #expect(
      try Self.counters(Self.packet([0, 6, 8, 0, 6, 4, 0, 1])) == ["received": 1, "rxrequests": 1, "learned": 1])
    // Padding of the link.
    #expect(
      try Self.counters(Self.packet() + [UInt8](repeating: 0, count: 18))
        == ["received": 1, "rxrequests": 1, "learned": 1])
  }

  @Test(arguments: [0, 3, 4, 8, 9, 108, 258, 0xffff] as [UInt16])
  func learnsNothingFromOtherOperations(operation: UInt16) throws {
    let header: [UInt8] = [0, 1, 8, 0, 6, 4, UInt8(operation >> 8), UInt8(operation & 0xff)]
    #expect(try Self.counters(Self.packet(header)) == ["received": 1, "rxother": 1])
  }

  @Test(arguments: 0..<28)
  func shortPacketsAreOfBadLength(length: Int) throws {
    var wanted: [String: UInt64] = ["received": 1, "badlen": 1]
    if length >= 8 { wanted["rxrequests"] = 1 }
    #expect(try Self.counters(Array(Self.packet().prefix(length))) == wanted)
  }

  @Test(
    arguments: [
      ([0, 1, 8, 0, 0xff, 4, 0, 1], ["badlen"]), ([0, 1, 8, 0, 6, 0xff, 0, 1], ["badlen"]),
      ([0, 1, 8, 0, 0, 0, 0, 1], ["badlen"]), ([0, 1, 8, 0, 6, 16, 0, 1], ["badlen"]),
      ([0, 0, 8, 0, 6, 4, 0, 1], ["dropped", "badhrd"]), ([0, 32, 8, 0, 20, 4, 0, 1], ["dropped", "badhrd"]),
      ([0x88, 1, 8, 0, 6, 4, 0, 1], ["dropped", "badhrd"]), ([0, 1, 8, 6, 6, 4, 0, 1], ["dropped", "badpro"]),
      ([0, 1, 0x86, 0xdd, 6, 16, 0, 1], ["dropped", "badpro"]),
    ] as [([UInt8], [String])])
  func refusesOtherKindsButCountsTheirOperation(header: [UInt8], reasons: [String]) throws {
    var wanted: [String: UInt64] = ["received": 1, "rxrequests": 1]
    for reason in reasons { wanted[reason] = 1 }
    let harness = try Harness(plugins: ["arp"])
    harness.input(NETISR_ARP, Self.packet(header) + [UInt8](repeating: 0, count: 600))
    #expect(harness.counters("arp") == wanted)
    #expect(harness.tableCount("arp.neighbours") == 0)
  }

  @Test(
    arguments: [
      ([10, 0, 0, 1], [0xff, 0xff, 0xff, 0xff, 0xff, 0xff]), ([10, 0, 0, 1], [1, 0, 0x5e, 0, 0, 1]),
      ([10, 0, 0, 1], [0, 0, 0, 0, 0, 0]), ([0, 0, 0, 1], alice), ([127, 0, 0, 1], alice), ([224, 0, 0, 1], alice),
      ([239, 255, 255, 255], alice), ([255, 255, 255, 255], alice),
    ] as [([UInt8], [UInt8])])
  func refusesSendersThatCannotBe(sender: [UInt8], link: [UInt8]) throws {
    let harness = try Harness(plugins: ["arp"])
    harness.input(NETISR_ARP, Self.packet(from: sender, at: link))
    #expect(harness.counters("arp") == ["received": 1, "rxrequests": 1, "dropped": 1, "badaddr": 1])
    #expect(harness.tableCount("arp.neighbours") == 0)
  }

  @Test func probesTeachNothing() throws {
    let probe = Self.packet(from: [0, 0, 0, 0])
    #expect(try Self.counters(probe) == ["received": 1, "rxrequests": 1, "probes": 1])
    // Only a request can ask.
    #expect(
      try Self.counters(Self.packet(Self.reply, from: [0, 0, 0, 0]))
        == ["received": 1, "rxreplies": 1, "dropped": 1, "badaddr": 1])
  }

  @Test func chainsAreReadAsOnePiece() throws {
    let good = try Self.counters(Self.packet())
    for cut in 0...28 {
      #expect(try Self.counters(Self.packet(), split: [cut]) == good, "cut at \(cut)")
      #expect(try Self.counters(Self.packet(), split: [cut, 0, 1, 3]) == good, "cut at \(cut) and behind")
    }
  }

  @Test func countsWhatMemoryRanOutFor() throws {
    let harness = try Harness(plugins: ["arp"], mbufLimit: 1 << 20)
    harness.inputWithoutMemory(NETISR_ARP, Self.packet())
    #expect(harness.counters("arp") == ["received": 1, "dropped": 1, "nobufs": 1])
    #expect(harness.mbufsInFlight == 0)
  }

  @Test func survivesDamage() throws {
    let harness = try Harness(plugins: ["arp"])
    var mutator = ByteMutator(seed: 0x0806)
    let good = [Self.packet(), Self.packet(Self.reply), Self.packet(from: [10, 0, 0, 1], to: [10, 0, 0, 1])]
    let rounds = 30_000
    for round in 0..<rounds {
      let bytes = mutator.mutate(good[round % good.count])
      harness.input(
        NETISR_ARP, bytes, time: mutator.next() >> (round % 64), split: mutator.split(bytes.count))
    }
    let counters = harness.counters("arp")
    let operations = ["rxrequests", "rxreplies", "rxother"].compactMap { counters[$0] }.reduce(0, +)
    #expect(counters["received"] == UInt64(rounds))
    #expect(operations <= UInt64(rounds) && operations + (counters["badlen"] ?? 0) >= UInt64(rounds))
    let reasons = ["badhrd", "badpro", "badaddr", "dupip", "full", "nobufs"].compactMap { counters[$0] }
    #expect(reasons.reduce(0, +) == counters["dropped"])
    #expect(harness.mbufsInFlight == 0)
    #expect(harness.engine.conservation().isBalanced)
  }
}
