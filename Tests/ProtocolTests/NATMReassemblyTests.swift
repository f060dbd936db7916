import CNetISR
import Testing
import TestSupport

/// natm: PDUs out of cells, within bounds of memory and time.
@Suite struct NATMReassemblyTests {
  let harness: Harness

  init() throws { harness = try Harness(plugins: ["natm"]) }

  func input(_ cells: [[UInt8]], time: UInt64 = 1_000_000_000) {
    for cell in cells { harness.input(NETISR_NATM, cell, time: time) }
  }

  static func pdu(_ count: Int) -> [UInt8] { NATMFrames.pdu(NATMFrames.snap([8, 0], NATMFrames.ipv4(count))) }

  @Test(arguments: [20, 32, 33, 80, 81, 1500, 9180, 65527])
  func aPDUOfItsCells(count: Int) throws {
    input(NATMFrames.cells(vpi: 10, vci: 103, Self.pdu(count)))
    #expect(harness.delivered(to: NETISR_IP).map(\.bytes) == [NATMFrames.ipv4(count)])
    let cells = UInt64((count + 8 + 8 + 47) / 48)
    #expect(harness.counters("natm") == ["cells": cells, "pdus": 1, "ip": 1, "circuits": 1])
    #expect(harness.mbufsInFlight == 0)
    #expect(harness.engine.tableEntries(of: "natm.reassembly", vnet: 0) == [])
  }

  @Test func circuitsInterleave() {
    let circuits: [(UInt8, UInt16)] = [(0, 35), (8, 48), (1, 100), (0, 36), (1, 35)]
    let streams = circuits.enumerated().map { NATMFrames.cells(vpi: $1.0, vci: $1.1, Self.pdu(300 + $0)) }
    for index in 0..<streams[0].count { input(streams.map { $0[index] }) }
    #expect(harness.delivered(to: NETISR_IP).map(\.bytes) == (0..<5).map { NATMFrames.ipv4(300 + $0) })
    #expect(harness.counter("natm.circuits") == 5)
    #expect(harness.mbufsInFlight == 0)
  }

  @Test func interfacesAreApart() {
    let other = harness.engine.interfaces.make(name: "atm1", type: IFT_ATM)!
    let (first, second) = (NATMFrames.cells(Self.pdu(300)), NATMFrames.cells(Self.pdu(301)))
    for index in first.indices {
      harness.input(NETISR_NATM, first[index])
      harness.input(NETISR_NATM, second[index], interface: other)
    }
    let delivered = harness.delivered(to: NETISR_IP)
    #expect(delivered.map(\.bytes) == [NATMFrames.ipv4(300), NATMFrames.ipv4(301)])
    #expect(delivered.map(\.interfaceIndex) == [1, 2])
  }

  @Test func theTimeIsThatOfTheLastCell() {
    let cells = NATMFrames.cells(Self.pdu(300))
    for (index, cell) in cells.enumerated() { harness.input(NETISR_NATM, cell, time: 1000 + UInt64(index)) }
    #expect(harness.delivered(to: NETISR_IP).map(\.time) == [1000 + UInt64(cells.count - 1)])
  }

  @Test func aLostCellCostsItsPDUOnly() {
    let pdu = NATMFrames.cells(Self.pdu(300))
    input(pdu)
    var lossy = pdu
    lossy.remove(at: 2)
    input(lossy)
    input(pdu)
    // The last cell of one PDU: the next one hangs on it.
    input(pdu.dropLast())
    input(pdu)
    input(pdu)
    #expect(harness.counter("natm.pdus") == 5)
    #expect(harness.counter("natm.badcrc") == 2)
    #expect(harness.counter("natm.ip") == 3)
    #expect(harness.mbufsInFlight == 0)
  }

  @Test func aPDUWithoutEndIsDropped() {
    let endless = NATMFrames.cell([UInt8](repeating: 1, count: 48))
    for _ in 0..<1366 { harness.input(NETISR_NATM, endless) }
    #expect(harness.counter("natm.dropped") == 0)
    #expect(harness.mbufsInFlight > 0)
    for _ in 0..<3000 { harness.input(NETISR_NATM, endless) }
    #expect(harness.counters("natm") == ["cells": 4366, "dropped": 1, "circuits": 1])
    #expect(harness.mbufsInFlight == 0)
    // Up to its last cell it is discarded; then all is as before.
    harness.input(NETISR_NATM, NATMFrames.cell(pti: 1, []))
    input(NATMFrames.cells(Self.pdu(100)))
    #expect(harness.counter("natm.dropped") == 1)
    #expect(harness.counter("natm.pdus") == 1)
    #expect(harness.delivered(to: NETISR_IP).map(\.bytes) == [NATMFrames.ipv4(100)])
  }

  @Test func aCellThatComesTooLateBeginsAnew() {
    let cells = NATMFrames.cells(Self.pdu(300))
    input(cells.dropLast(), time: 1_000_000_000)
    input(cells, time: 3_000_000_001)
    #expect(harness.counter("natm.timeouts") == 1)
    #expect(harness.delivered(to: NETISR_IP).map(\.bytes) == [NATMFrames.ipv4(300)])
    // Just in time, and a clock that was set back.
    input(cells.dropLast(), time: 10_000_000_000)
    input([cells.last!], time: 12_000_000_000)
    input(cells.dropLast(), time: 5_000_000_000)
    input([cells.last!], time: 4_000_000_000)
    #expect(harness.counter("natm.timeouts") == 1)
    #expect(harness.counter("natm.ip") == 3)
    #expect(harness.mbufsInFlight == 0)
  }

  @Test func silentCircuitsAreSweptByTheirOwnClock() {
    let other = harness.engine.interfaces.make(name: "atm1", type: IFT_ATM, ownClock: true)!
    let first = NATMFrames.cells(vci: 200, Self.pdu(300))[0]
    harness.input(NETISR_NATM, first, time: 1_000_000_000)
    harness.input(NETISR_NATM, first, time: 900_000_000_000, interface: other)
    // Another circuit of the first clock, later.
    let next = NATMFrames.cells(vci: 201, Self.pdu(300))
    harness.input(NETISR_NATM, next[0], time: 3_500_000_000)
    #expect(harness.counter("natm.timeouts") == 1)
    #expect(harness.engine.tableEntries(of: "natm.reassembly", vnet: 0)?.count == 2)
    // No cell comes: time alone is enough.
    harness.advance(to: 5_500_000_000)
    #expect(harness.counter("natm.timeouts") == 1)
    harness.advance(to: 6_000_000_001)
    #expect(harness.counter("natm.timeouts") == 2)
    #expect(harness.engine.tableEntries(of: "natm.reassembly", vnet: 0)?.count == 1)
  }

  @Test func manyCircuitsStayWithinTheirBound() throws {
    let harness = try Harness(plugins: ["natm"])
    // One cell of each of more circuits than the table has room for.
    let payload = NATMFrames.snap([8, 0], NATMFrames.ipv4(40))
    for vci in UInt16(32)..<UInt16(32 + 9000) { harness.input(NETISR_NATM, NATMFrames.cell(vci: vci, payload)) }
    #expect(harness.counters("natm") == ["cells": 9000, "dropped": 808, "circuits": 9000])
    #expect(harness.engine.tableEntries(of: "natm.reassembly", vnet: 0)?.count == 8192)
    #expect(harness.mbufsInFlight == 8192)
  }

  @Test func memoryStaysWithinItsBound() throws {
    let harness = try Harness(plugins: ["natm"])
    // Each circuit gets nearly as much as a PDU may have.
    let payload = [UInt8](repeating: 1, count: 48)
    for round in 0..<1300 {
      for vci in UInt16(100)..<UInt16(500) where round % 4 == 0 || vci < 300 {
        harness.input(NETISR_NATM, NATMFrames.cell(vci: vci, payload))
      }
    }
    let table = harness.engine.tableList().first { $0.name == "natm.reassembly" }
    #expect(table?.vnets.first?.heldBytes ?? .max <= 16 << 20)
    #expect(harness.counter("natm.dropped") > 0)
    // What is counted as held is what is held.
    #expect(harness.mbufsInFlight * 2304 >= Int(table?.vnets.first?.heldBytes ?? 0))
  }

  @Test func whenMemoryRunsOutThePDUIsDropped() throws {
    let harness = try Harness(plugins: ["natm"], mbufLimit: 1 << 20)
    let payload = [UInt8](repeating: 1, count: 48)
    for _ in 0..<1366 {
      for vci in UInt16(100)..<UInt16(130) { harness.input(NETISR_NATM, NATMFrames.cell(vci: vci, payload)) }
    }
    #expect(harness.engine.conservation().isBalanced)
    for vci in UInt16(100)..<UInt16(130) { harness.input(NETISR_NATM, NATMFrames.cell(vci: vci, pti: 1, payload)) }
    #expect(harness.mbufsInFlight <= 200)
  }

  @Test func partialPDUsSurviveASwap() throws {
    let cells = NATMFrames.cells(Self.pdu(3000))
    input(Array(cells.prefix(30)))
    try harness.reload("natm")
    input(Array(cells.dropFirst(30)))
    #expect(harness.delivered(to: NETISR_IP).map(\.bytes) == [NATMFrames.ipv4(3000)])
    #expect(harness.counter("natm.cells") == UInt64(cells.count))
    #expect(harness.counter("natm.circuits") == 1)
    #expect(harness.mbufsInFlight == 0)
  }

  @Test func circuitsCanBeRead() throws {
    input(NATMFrames.cells(vpi: 10, vci: 103, Self.pdu(100)), time: 5)
    harness.input(NETISR_NATM, NATMFrames.frame(ATM_FORM_SDU, vpi: 10, vci: 103, NATMFrames.ipv4()), time: 7)
    // 0/0 stands for "unknown".
    harness.input(NETISR_NATM, NATMFrames.frame(ATM_FORM_SDU, vpi: 0, vci: 0, NATMFrames.ipv4()), time: 8)
    let entry = try #require(harness.engine.tableEntries(of: "natm.circuits", vnet: 0)?.first)
    #expect(entry.key == [10, 0, 103, 0, 1, 0, 0, 0])
    func number(_ index: Int) -> UInt64 { (0..<8).reduce(0) { $0 | UInt64(entry.value[index * 8 + $1]) << (8 * $1) } }
    // Frames, cells, PDUs, the last time.
    #expect((0..<4).map(number) == [4, 3, 2, 7])
    #expect(harness.counter("natm.circuits") == 1)
    #expect(harness.counter("natm.pdus") == 3)
  }

  @Test func anyBytesWhatever() throws {
    let routed = NATMFrames.snap([8, 0], NATMFrames.ipv4(200))
    var frames = [
      NATMFrames.frame(ATM_FORM_SDU, routed), NATMFrames.frame(ATM_FORM_SDU, [0, 0] + NATMFrames.ethernet),
      NATMFrames.frame(ATM_FORM_SDU, NATMFrames.bridged(1, NATMFrames.ethernet)),
      NATMFrames.frame(ATM_FORM_PDU, NATMFrames.pdu(routed)), NATMFrames.frame(ATM_FORM_OAM, vci: 4, [1, 2, 3]),
      NATMFrames.cell(pti: 1, NATMFrames.pdu(NATMFrames.ipv4())),
    ]
    frames += NATMFrames.cells(NATMFrames.pdu(routed))
    var random = Mutator(seed: 7)
    for round in 0..<30_000 {
      var frame = frames[random.below(frames.count)]
      random.mutate(&frame)
      // Good HECs, so that what is behind them is reached too.
      if frame.count >= 13, frame[0] == 1, random.below(2) == 0 { frame[12] = NATMFrames.hec(Array(frame[8..<12])) }
      harness.input(
        NETISR_NATM, frame, time: UInt64(round) * 1_000_000, split: random.split(of: frame.count),
        wireLength: frame.count + (random.below(4) == 0 ? random.below(100) : 0))
      // What is delivered piles up else.
      if round % 1000 == 0 { harness.clearDelivered() }
    }
    #expect(harness.engine.conservation().isBalanced)
    let c = harness.counters("natm")
    func sum(_ names: String...) -> UInt64 { names.reduce(0) { $0 + (c[$1] ?? 0) } }
    #expect(
      sum("pdus")
        == sum("badcrc", "badlen", "aborted", "truncated", "noproto", "ip", "ip6", "arp", "bridged"))
    // Everything that is still held is in the table: a bare mbuf, and clusters of 2,304 bytes with theirs.
    let held = try #require(harness.engine.tableEntries(of: "natm.reassembly", vnet: 0)).map { entry in
      entry.value[8..<12].reversed().reduce(0) { $0 << 8 | Int($1) }
    }
    #expect(harness.mbufsInFlight == held.reduce(0) { $0 + ($1 == 0 ? 0 : 1 + ($1 - 256) / 2304) })
  }
}
