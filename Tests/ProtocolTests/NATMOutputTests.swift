import CNetISR
import NetISR
import Testing
import TestSupport

/// natm as a sender: payloads become cells, and cells payloads again at the other end of a circuit.
@Suite struct NATMOutputTests {
  /// Sends everything on into another interface, at once.
  final class Wire: InterfaceOutput, @unchecked Sendable {
    var peer: UnsafeMutablePointer<ifnet>?
    var cells: [[UInt8]] = []
    var keeps = true
    var answer: Int32 = 0

    func transmit(_ ifp: UnsafeMutablePointer<ifnet>, _ m: UnsafeMutablePointer<mbuf>) -> Int32 {
      guard answer == 0 else {
        m_freem(m)
        return answer
      }
      if keeps {
        var bytes = [UInt8](repeating: 0, count: Int(m.pointee.m_pkthdr.len))
        _ = m_copydata(m, 0, Int32(bytes.count), &bytes)
        cells.append(bytes)
      }
      m.pointee.m_pkthdr.rcvif = peer
      m.pointee.m_pkthdr.rsstype = 0
      return netisr_queue(UInt32(NETISR_NATM), m)
    }

    func start(_ ifp: UnsafeMutablePointer<ifnet>) -> UInt32 { 0 }
  }

  let harness: Harness
  let wire = Wire()
  let near: UnsafeMutablePointer<ifnet>
  let far: UnsafeMutablePointer<ifnet>

  init() throws {
    harness = try Harness(plugins: ["natm"])
    near = try #require(harness.engine.interfaces.make(name: "atm0a", type: IFT_ATM, mtu: 9180, output: wire))
    far = try #require(harness.engine.interfaces.make(name: "atm0b", type: IFT_ATM, mtu: 9180, output: wire))
    wire.peer = far
    try setCircuit(of: near)
    try setCircuit(of: far)
  }

  func setCircuit(
    of interface: UnsafeMutablePointer<ifnet>, vpi: UInt16 = 3, vci: UInt16 = 0x1234, encapsulation: UInt8 = 1
  ) throws {
    let error = harness.engine.withAttachedThread {
      harness.engine.withRegistration(of: PluginIdentity(name: "operator", stateVersion: 1)) { () -> Int32 in
        "shared.circuits".withCString { name in
          var spec = table_spec()
          spec.ts_name = name
          spec.ts_kind = UInt32(TABLE_HASH)
          spec.ts_keysize = 4
          spec.ts_valuesize = 8
          spec.ts_maxentries = 4096
          var table: OpaquePointer?
          let error = table_open(&spec, &table)
          guard error == 0 else { return error }
          var index = interface.pointee.if_index
          let value =
            [UInt8(vpi & 0xff), UInt8(vpi >> 8), UInt8(vci & 0xff), UInt8(vci >> 8), encapsulation, 0, 0, 0]
          return table_insert(table, 0, &index, value)
        }
      }
    }
    try #require(error == 0)
  }

  @discardableResult
  func send(_ payload: [UInt8], family: UInt32 = 4, split: [Int] = []) -> Int32 {
    let error = harness.engine.withAttachedThread {
      let address = [UInt8](repeating: 10, count: 16)
      return if_output(near, Harness.makeChain(payload, split: split)!, family, address)
    }
    harness.drain()
    return error
  }

  static func pattern(_ count: Int) -> [UInt8] { (0..<count).map { UInt8(truncatingIfNeeded: $0 &* 7 &+ $0 >> 8) } }

  /// The same by another way: the recommendations' letter, bit by bit.
  static func expected(_ payload: [UInt8], encapsulation: [UInt8]) -> [[UInt8]] {
    NATMFrames.cells(vpi: 3, vci: 0x1234, NATMFrames.pdu(encapsulation + payload)).enumerated().map { _, cell in
      var cell = cell
      // What an interface hands over names the circuit and the payload type beside the cell; receivers look at the cell.
      cell[1] = cell[8 + 3] >> 1 & 7
      cell[2...3] = [3, 0]
      cell[4...5] = [0x34, 0x12]
      return cell
    }
  }

  @Test func cellsAreAsTheRecommendationsSay() throws {
    for size in [0, 1, 31, 32, 33, 39, 40, 41, 47, 48, 80, 100, 1500] {
      wire.cells = []
      let payload = Self.pattern(size)
      #expect(send(payload) == 0)
      #expect(wire.cells == Self.expected(payload, encapsulation: [0xaa, 0xaa, 3, 0, 0, 0, 8, 0]), "\(size)")
    }
    wire.cells = []
    send(NATMFrames.ipv6, family: 6)
    #expect(wire.cells == Self.expected(NATMFrames.ipv6, encapsulation: [0xaa, 0xaa, 3, 0, 0, 0, 0x86, 0xdd]))
    try setCircuit(of: near, encapsulation: 2)
    wire.cells = []
    send(NATMFrames.ipv4(100))
    #expect(wire.cells == Self.expected(NATMFrames.ipv4(100), encapsulation: []))
  }

  /// Sizes from 0 to beyond the MTU of RFC 2225, and the longest.
  @Test func everySizeComesBackAsItWas() {
    wire.keeps = false
    let sizes = Array(0...1100) + Array(stride(from: 1101, to: 9000, by: 53)) + Array(9100...9200) + [20_000, 65_527]
    for size in sizes {
      let payload = Self.pattern(size)
      #expect(send(payload) == 0)
      let arrived = harness.delivered(to: NETISR_IP)
      #expect(arrived.count == 1 && arrived.first?.bytes == payload, "\(size)")
      #expect(arrived.first?.interfaceIndex == far.pointee.if_index)
      harness.clearDelivered()
    }
    #expect(harness.counter("natm.snd_pdus") == UInt64(sizes.count))
    #expect(harness.counter("natm.pdus") == UInt64(sizes.count) && harness.counter("natm.ip") == UInt64(sizes.count))
    #expect(harness.counter("natm.snd_cells") == harness.counter("natm.cells"))
    #expect(harness.mbufsInFlight == 0)
  }

  @Test func piecesOfAChainAreNoMatter() {
    let payload = Self.pattern(3000)
    for split in [[1], [20, 1, 1, 500], [7, 41, 48, 1000]] {
      send(payload, split: split)
      #expect(harness.delivered(to: NETISR_IP).last?.bytes == payload)
    }
  }

  @Test func tooLongIsNotSent() {
    send(Self.pattern(65_528))
    #expect(wire.cells.isEmpty && harness.counter("natm.snd_toolong") == 1)
    #expect(harness.mbufsInFlight == 0)
  }

  @Test func withoutACircuitNothingIsSent() throws {
    let other = try #require(harness.engine.interfaces.make(name: "atm9", type: IFT_ATM, output: wire))
    harness.engine.withAttachedThread {
      #expect(if_output(other, Harness.makeChain([1, 2, 3])!, 4, [10, 0, 0, 1]) == 0)
    }
    #expect(wire.cells.isEmpty && harness.counter("natm.snd_nocircuit") == 1)
    #expect(harness.mbufsInFlight == 0)
  }

  @Test func whatAnInterfaceDoesNotTakeIsCounted() {
    wire.answer = ENETDOWN
    send(Self.pattern(500))
    #expect(harness.counters("natm") == ["snd_failed": 1])
    #expect(harness.mbufsInFlight == 0)
  }

  /// An interface that stands for one circuit takes no cells of others.
  @Test func othersCellsAreRefused() throws {
    try setCircuit(of: far, vci: 99)
    send(Self.pattern(100))
    #expect(harness.delivered(to: NETISR_IP).isEmpty)
    #expect(harness.counter("natm.nocircuit") == 3 && harness.counter("natm.cells") == 3)
    #expect(harness.tableCount("natm.reassembly") == 0)
  }
}
