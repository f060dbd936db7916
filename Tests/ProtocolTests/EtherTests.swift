import CNetISR
import Testing
import TestSupport

@Suite struct EtherTests {
  static let station: [UInt8] = [2, 0, 0, 0, 0, 2]
  static let sender: [UInt8] = [2, 0, 0, 0, 0, 1]
  static let payload = [UInt8](1...46)

  /// A frame: addresses, what stands in place of type and tags, payload.
  static func frame(_ type: [UInt8], _ payload: [UInt8] = payload, to destination: [UInt8] = station) -> [UInt8] {
    destination + sender + type + payload
  }

  /// What a frame leads to: where its payload went, and the counters that are not 0.
  struct Outcome: Equatable {
    var delivered: [Int32: [UInt8]] = [:]
    var counters: [String: UInt64] = [:]
  }

  static func outcome(_ frame: [UInt8], split: [Int] = [], wireLength: Int? = nil) throws -> Outcome {
    let harness = try Harness(plugins: ["ether"])
    harness.input(NETISR_ETHER, frame, split: split, wireLength: wireLength)
    var outcome = Outcome(counters: harness.counters("ether"))
    for proto in Int32(1)...10 {
      for packet in harness.delivered(to: proto) { outcome.delivered[proto, default: []] += packet.bytes }
    }
    #expect(harness.mbufsInFlight == 0)
    #expect(harness.engine.conservation().isBalanced)
    return outcome
  }

  @Test(arguments: [
    (UInt16(0x0800), NETISR_IP, "ip"), (0x86dd, NETISR_IPV6, "ip6"), (0x0806, NETISR_ARP, "arp"),
  ])
  func handsPayloadToItsProtocol(type: UInt16, proto: Int32, counter: String) throws {
    let frame = Self.frame([UInt8(type >> 8), UInt8(type & 0xff)])
    #expect(
      try Self.outcome(frame) == Outcome(delivered: [proto: Self.payload], counters: ["total": 1, counter: 1]))
  }

  @Test(arguments: [0x0600, 0x8035, 0x8847, 0x8863, 0x8864, 0xaaaa, 0xffff] as [UInt16])
  func countsPayloadsOfNoProtocol(type: UInt16) throws {
    let frame = Self.frame([UInt8(type >> 8), UInt8(type & 0xff)])
    #expect(try Self.outcome(frame) == Outcome(counters: ["total": 1, "noproto": 1]))
  }

  @Test func anEmptyPayloadIsHandedOn() throws {
    let harness = try Harness(plugins: ["ether"])
    harness.input(NETISR_ETHER, Self.frame([8, 0], []))
    #expect(harness.delivered(to: NETISR_IP).map(\.bytes) == [[]])
  }

  // MARK: Tags

  @Test(
    arguments: [
      [0x81, 0x00, 0xa0, 0x64], [0x88, 0xa8, 0xa0, 0x64], [0x91, 0x00, 0xa0, 0x64],
      [0x88, 0xa8, 0xa0, 0x64, 0x81, 0x00, 0x00, 0x02], [0x81, 0x00, 0xa0, 0x64, 0x81, 0x00, 0x00, 0x02],
      [0x88, 0xa8, 0xa0, 0x64, 0x88, 0xa8, 0, 1, 0x81, 0, 0, 2, 0x81, 0, 0, 3, 0x91, 0, 0, 4],
    ] as [[UInt8]])
  func takesTagsOff(tags: [UInt8]) throws {
    let harness = try Harness(plugins: ["ether"])
    harness.input(NETISR_ETHER, Self.frame(tags + [8, 0]))
    let packet = try #require(harness.delivered(to: NETISR_IP).first)
    #expect(packet.bytes == Self.payload)
    #expect(packet.vlanTag == 0xa064)
    #expect(harness.counters("ether") == ["total": 1, "ip": 1, "vlan": 1])
  }

  @Test func untaggedFramesHaveNoTag() throws {
    let harness = try Harness(plugins: ["ether"])
    harness.input(NETISR_ETHER, Self.frame([8, 0]))
    #expect(harness.delivered(to: NETISR_IP).map(\.vlanTag) == [nil])
  }

  @Test(arguments: [[8, 0], [0x81, 0, 0, 7, 8, 0]] as [[UInt8]])
  func aTagThatTheInterfaceTookOffStaysTheOutermost(type: [UInt8]) throws {
    let harness = try Harness(plugins: ["ether"])
    harness.engine.withAttachedThread {
      guard let m = Harness.makeChain(Self.frame(type)) else { return }
      m.pointee.m_pkthdr.rcvif = harness.interface
      m.pointee.m_pkthdr.ether_vtag = 0x2064
      m.pointee.m_flags |= M_VLANTAG
      _ = netisr_dispatch(UInt32(NETISR_ETHER), m)
    }
    #expect(harness.delivered(to: NETISR_IP).map(\.vlanTag) == [0x2064])
    #expect(harness.counters("ether") == ["total": 1, "ip": 1, "vlan": 1])
  }

  @Test func passesEightTagsAndNoMore() throws {
    let tag: [UInt8] = [0x81, 0x00, 0x00, 0x07]
    let eight = Self.frame((0..<8).flatMap { _ in tag } + [8, 0])
    #expect(
      try Self.outcome(eight)
        == Outcome(delivered: [NETISR_IP: Self.payload], counters: ["total": 1, "ip": 1, "vlan": 1]))
    let nine = Self.frame((0..<9).flatMap { _ in tag } + [8, 0])
    #expect(try Self.outcome(nine) == Outcome(counters: ["total": 1, "noproto": 1, "vlan": 1]))
    let eightAndSNAP = Self.frame(
      (0..<8).flatMap { _ in tag } + [0, 54] + [0xaa, 0xaa, 3, 0, 0, 0, 8, 0])
    #expect(
      try Self.outcome(eightAndSNAP)
        == Outcome(delivered: [NETISR_IP: Self.payload], counters: ["total": 1, "ip": 1, "vlan": 1, "llc": 1]))
  }

  // MARK: 802.3

  @Test(
    arguments: [
      ([0, 0, 0, 8, 0], NETISR_IP, "ip"), ([0, 0, 0, 8, 6], NETISR_ARP, "arp"),
      ([0, 0, 0xf8, 0x86, 0xdd], NETISR_IPV6, "ip6"),
    ] as [([UInt8], Int32, String)])
  func unwrapsSNAPAndTrimsPadding(code: [UInt8], proto: Int32, counter: String) throws {
    let content = [UInt8](1...20)
    let frame = Self.frame([0, 28], [0xaa, 0xaa, 3] + code + content + [UInt8](repeating: 0xee, count: 18))
    let wanted = Outcome(delivered: [proto: content], counters: ["total": 1, "llc": 1, counter: 1])
    #expect(try Self.outcome(frame) == wanted)
    let tagged = Self.frame([0x81, 0, 0, 5, 0, 28], [0xaa, 0xaa, 3] + code + content + [0xee, 0xee])
    #expect(try Self.outcome(tagged).delivered == wanted.delivered)
  }

  @Test(
    arguments: [
      [0x42, 0x42, 3, 0, 0, 0], [0xe0, 0xe0, 3, 0xff, 0xff, 0], [0xaa, 0xaa, 0xf3, 0, 0, 0, 8, 0],
      [0xaa, 0xaa, 3, 0, 0, 0x0c, 8, 0], [0xaa, 0xaa, 3, 1, 0, 0, 8, 0], [6, 6, 3, 0x45, 0, 0, 20],
    ] as [[UInt8]])
  func otherLLCIsNobodys(content: [UInt8]) throws {
    let frame = Self.frame([0, 46], content + [UInt8](repeating: 0, count: 46 - content.count))
    #expect(try Self.outcome(frame) == Outcome(counters: ["total": 1, "llc": 1, "noproto": 1]))
  }

  @Test func rawNovellHasNoLLC() throws {
    let frame = Self.frame([0, 30], [0xff, 0xff, 0, 30] + [UInt8](repeating: 0, count: 42))
    #expect(try Self.outcome(frame) == Outcome(counters: ["total": 1, "noproto": 1]))
  }

  @Test(
    arguments: [
      ([0, 0], 46), ([0, 2], 46), ([0, 47], 46), ([5, 0xdc], 46), ([5, 0xdd], 1600), ([5, 0xff], 1600),
    ] as [([UInt8], Int)])
  func refusesLengthsThatCannotBe(length: [UInt8], count: Int) throws {
    let frame = Self.frame(length, [UInt8](repeating: 0x42, count: count))
    #expect(try Self.outcome(frame) == Outcome(counters: ["total": 1, "badlen": 1]))
  }

  @Test func theLongestAndTheShortestLengthPass() throws {
    let longest = Self.frame([5, 0xdc], [0xaa, 0xaa, 3, 0, 0, 0, 8, 0] + [UInt8](repeating: 7, count: 1492))
    #expect(try Self.outcome(longest).delivered[NETISR_IP]?.count == 1492)
    #expect(try Self.outcome(Self.frame([0, 3], [0x42, 0x42, 3])).counters == ["total": 1, "llc": 1, "noproto": 1])
  }

  @Test func aLengthTooShortForItsSNAPIsRefused() throws {
    let frame = Self.frame([0, 7], [0xaa, 0xaa, 3, 0, 0, 0, 8, 0] + [UInt8](repeating: 0, count: 38))
    #expect(try Self.outcome(frame) == Outcome(counters: ["total": 1, "badlen": 1]))
  }

  // MARK: Cut short

  @Test func aLengthIsHeldToTheWireNotToTheCapture() throws {
    let header: [UInt8] = [0xaa, 0xaa, 3, 0, 0, 0, 8, 0]
    let captured = Self.frame([1, 0], header + [1, 2, 3])
    #expect(
      try Self.outcome(captured, wireLength: 14 + 256)
        == Outcome(delivered: [NETISR_IP: [1, 2, 3]], counters: ["total": 1, "llc": 1, "ip": 1]))
    #expect(try Self.outcome(captured, wireLength: 14 + 255).counters == ["total": 1, "badlen": 1])
  }

  @Test func theWireLengthOfThePayloadLeavesTheHeadersOut() throws {
    let harness = try Harness(plugins: ["ether"])
    nonisolated(unsafe) var wire: [UInt32] = []
    try harness.engine.unregister(UInt32(NETISR_IP), .purge)
    try harness.engine.register(
      NETISR_IP, named: "wire", dispatch: .direct,
      TestHandler { m in
        wire.append(m.pointee.m_pkthdr.wirelen)
        m_freem(m)
      })
    harness.input(NETISR_ETHER, Self.frame([8, 0]))
    harness.input(NETISR_ETHER, Self.frame([8, 0]), wireLength: 1514)
    harness.input(NETISR_ETHER, Self.frame([0x81, 0, 0, 1, 8, 0]), wireLength: 1518)
    // The 802.3 length says where the wire's payload ends, too.
    harness.input(NETISR_ETHER, Self.frame([0, 108], [0xaa, 0xaa, 3, 0, 0, 0, 8, 0, 1]), wireLength: 1514)
    #expect(wire == [46, 1500, 1500, 100])
  }

  @Test(arguments: [
    frame([8, 0]), frame([0x81, 0, 0, 1, 0x88, 0xa8, 0, 2, 0x86, 0xdd]),
    frame([0x81, 0, 0, 1, 0, 54], [0xaa, 0xaa, 3, 0, 0, 0, 8, 0] + payload),
  ])
  func framesCutInTheirHeadersAreTooShort(frame: [UInt8]) throws {
    let headers = frame.count - Self.payload.count
    for length in 0..<headers {
      let cut = Array(frame.prefix(length))
      #expect(
        try Self.outcome(cut, wireLength: frame.count).counters == ["total": 1, "tooshort": 1], "\(length) bytes")
    }
    let whole = try Self.outcome(Array(frame.prefix(headers)), wireLength: frame.count)
    #expect(whole.counters["tooshort"] == nil && whole.delivered.count == 1)
  }

  @Test func chainsAreReadAsOnePiece() throws {
    let frame = Self.frame(
      [0x88, 0xa8, 0, 9, 0x81, 0, 0, 8, 0, 54], [0xaa, 0xaa, 3, 0, 0, 0, 8, 6] + Self.payload + [0xee, 0xee])
    let whole = try Self.outcome(frame)
    #expect(whole.delivered == [NETISR_ARP: Self.payload])
    for cut in 0...40 {
      #expect(try Self.outcome(frame, split: [cut]) == whole, "cut at \(cut)")
      #expect(try Self.outcome(frame, split: [cut, 1, 0, 2]) == whole, "cut at \(cut) and behind")
    }
  }

  // MARK: To whom

  @Test func saysToWhomAFrameWasSent() throws {
    let harness = try Harness(plugins: ["ether"])
    harness.input(NETISR_ETHER, Self.frame([8, 0], to: [0xff, 0xff, 0xff, 0xff, 0xff, 0xff]))
    harness.input(NETISR_ETHER, Self.frame([8, 0], to: [1, 0, 0x5e, 0, 0, 1]))
    harness.input(NETISR_ETHER, Self.frame([8, 0]))
    let mask = M_BCAST | M_MCAST | M_PROMISC
    #expect(harness.delivered(to: NETISR_IP).map { $0.flags & mask } == [M_BCAST, M_MCAST, 0])
  }

  @Test func marksFramesForOthersOnAnInterfaceThatTakesPart() throws {
    let harness = try Harness(plugins: ["ether"])
    let own = try #require(harness.engine.interfaces.make(name: "own", type: IFT_ETHER))
    harness.input(NETISR_ETHER, Self.frame([8, 0]), interface: own)
    own.pointee.if_lladdr = (2, 0, 0, 0, 0, 2, 0, 0)
    own.pointee.if_lladdrlen = 6
    harness.input(NETISR_ETHER, Self.frame([8, 0]), interface: own)
    harness.input(NETISR_ETHER, Self.frame([8, 0], to: Self.sender), interface: own)
    #expect(harness.delivered(to: NETISR_IP).map { $0.flags & M_PROMISC } == [0, 0, M_PROMISC])
  }

  @Test func countsWhatMemoryRanOutFor() throws {
    let harness = try Harness(plugins: ["ether"], mbufLimit: 1 << 20)
    harness.inputWithoutMemory(NETISR_ETHER, Self.frame([8, 0]))
    #expect(harness.counters("ether") == ["total": 1, "nobufs": 1])
    #expect(harness.mbufsInFlight == 0)
  }

  @Test func survivesDamage() throws {
    let harness = try Harness(plugins: ["ether"])
    var mutator = ByteMutator(seed: 0x0800)
    let good = [
      Self.frame([8, 0]), Self.frame([0x81, 0, 0, 1, 0x88, 0xa8, 0, 2, 8, 6]),
      Self.frame([0, 54], [0xaa, 0xaa, 3, 0, 0, 0, 0x86, 0xdd] + Self.payload),
    ]
    let rounds = 30_000
    for round in 0..<rounds {
      let bytes = mutator.mutate(good[round % good.count])
      harness.input(
        NETISR_ETHER, bytes, split: mutator.split(bytes.count), wireLength: bytes.count + round % 5 * 400)
      if round % 1000 == 0 { harness.clearDelivered() }
    }
    let counters = harness.counters("ether")
    let outcomes = ["ip", "ip6", "arp", "noproto", "tooshort", "badlen", "nobufs"].map { counters[$0] ?? 0 }
    #expect(counters["total"] == UInt64(rounds))
    #expect(outcomes.reduce(0, +) == UInt64(rounds))
    #expect(harness.mbufsInFlight == 0)
    #expect(harness.engine.conservation().isBalanced)
  }
}
