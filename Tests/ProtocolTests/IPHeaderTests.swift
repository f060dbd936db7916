import CNetISR
import NetISR
import TestSupport
import Testing

/// What ip makes of headers: the first check that fails counts the packet.
@Suite struct IPHeaderTests {
  struct Case: Sendable, CustomTestStringConvertible {
    var testDescription: String
    var bytes: [UInt8]
    var wireLength: Int?
    var counters: [String: UInt64]
  }

  static let datagram = IPPacket(payload: pattern(16))

  static func with(_ change: (inout IPPacket) -> Void) -> [UInt8] {
    var packet = datagram
    change(&packet)
    return packet.bytes
  }

  static let cases: [Case] = [
    Case(testDescription: "no bytes", bytes: [], counters: ["tooshort": 1]),
    Case(testDescription: "19 bytes", bytes: Array(datagram.bytes.prefix(19)), counters: ["tooshort": 1]),
    Case(
      testDescription: "20 bytes, no payload", bytes: with { $0.payload = [] }, counters: ["noproto": 1, "udp": 1]),
    Case(testDescription: "version 6", bytes: with { $0.version = 6 }, counters: ["badvers": 1]),
    Case(testDescription: "version 0", bytes: with { $0.version = 0 }, counters: ["badvers": 1]),
    Case(
      testDescription: "wrong in every way: the version is first",
      bytes: with {
        $0.version = 5
        $0.headerWords = 1
        $0.totalLength = 3
        $0.checksumError = 1
      }, counters: ["badvers": 1]),
    Case(testDescription: "no header words", bytes: with { $0.headerWords = 0 }, counters: ["badhlen": 1]),
    Case(testDescription: "4 header words", bytes: with { $0.headerWords = 4 }, counters: ["badhlen": 1]),
    Case(
      testDescription: "a header longer than the packet", bytes: with { $0.headerWords = 10 }, counters: ["badhlen": 1]),
    Case(
      testDescription: "a header that the capture cut", bytes: Array(with { $0.options = pattern(40) }.prefix(59)),
      wireLength: 76, counters: ["tooshort": 1]),
    Case(testDescription: "a wrong checksum", bytes: with { $0.checksumError = 1 }, counters: ["badsum": 1]),
    Case(
      testDescription: "a checksum of 0", bytes: datagram.bytes.prefix(10) + [0, 0] + datagram.bytes.dropFirst(12),
      counters: ["badsum": 1]),
    Case(
      testDescription: "the checksum comes before the length",
      bytes: with {
        $0.totalLength = 7
        $0.checksumError = 1
      }, counters: ["badsum": 1]),
    Case(testDescription: "a total length of 0", bytes: with { $0.totalLength = 0 }, counters: ["badlen": 1]),
    Case(testDescription: "a total length of 19", bytes: with { $0.totalLength = 19 }, counters: ["badlen": 1]),
    Case(testDescription: "one byte more than there is", bytes: with { $0.totalLength = 37 }, counters: ["badlen": 1]),
    Case(
      testDescription: "one byte more than there was", bytes: with { $0.totalLength = 41 }, wireLength: 40,
      counters: ["badlen": 1]),
    Case(
      testDescription: "all that there was", bytes: with { $0.totalLength = 40 }, wireLength: 40,
      counters: ["noproto": 1, "udp": 1]),
    Case(testDescription: "65,535 bytes", bytes: with { $0.totalLength = 65535 }, counters: ["badlen": 1]),
    Case(
      testDescription: "padding", bytes: with { $0.padding = [UInt8](repeating: 0xee, count: 30) },
      counters: ["noproto": 1, "udp": 1]),
    Case(testDescription: "tcp", bytes: with { $0.proto = 6 }, counters: ["noproto": 1, "tcp": 1]),
    Case(testDescription: "esp", bytes: with { $0.proto = 50 }, counters: ["noproto": 1, "esp": 1]),
    Case(testDescription: "gre", bytes: with { $0.proto = 47 }, counters: ["noproto": 1, "gre": 1]),
    Case(testDescription: "protocol 253", bytes: with { $0.proto = 253 }, counters: ["noproto": 1, "otherproto": 1]),
    Case(testDescription: "igmp", bytes: with { $0.proto = 2 }, counters: ["delivered": 1, "igmp": 1]),
    Case(
      testDescription: "don't fragment is no fragment", bytes: with { $0.dontFragment = true },
      counters: ["noproto": 1, "udp": 1]),
  ]

  @Test(arguments: cases)
  func countsTheFirstFailure(_ example: Case) throws {
    var expected = example.counters
    expected["total"] = 1
    let harness = try Harness.ip()
    harness.input(NETISR_IP, example.bytes, wireLength: example.wireLength)
    #expect(harness.counters("ip") == expected)
    // However the packet is cut into pieces.
    for cut in 0..<max(example.bytes.count, 1) {
      let before = harness.counters("ip")
      harness.input(NETISR_IP, example.bytes, split: [cut], wireLength: example.wireLength)
      harness.input(
        NETISR_IP, example.bytes, split: [1, cut, 0, 1], wireLength: example.wireLength)
      #expect(harness.counters("ip") == before.merging(expected) { $0 + 2 * $1 }, "cut at \(cut)")
    }
    #expect(harness.isIPBalanced)
    #expect(harness.mbufsInFlight == 0)
    #expect(harness.engine.conservation().isBalanced)
  }

  @Test(arguments: [[], [19], [20], [1, 1, 1], [21, 30], [36]])
  func igmpGetsTheHeaderAndNoPadding(split: [Int]) throws {
    let harness = try Harness.ip()
    let packet = Self.with {
      $0.proto = 2
      $0.options = [148, 4, 0, 0]
      $0.padding = [1, 2, 3, 4, 5, 6]
    }
    harness.input(NETISR_IP, packet, split: split)
    #expect(harness.delivered(to: NETISR_IGMP).map(\.bytes) == [Array(packet.dropLast(6))])
    #expect(harness.counters("ip") == ["total": 1, "options": 1, "delivered": 1, "igmp": 1])
  }

  @Test func withoutIGMPNobodyTakesIt() throws {
    let harness = try Harness.ip()
    try harness.engine.unregister(UInt32(NETISR_IGMP))
    harness.input(NETISR_IP, Self.with { $0.proto = 2 })
    #expect(harness.counters("ip") == ["total": 1, "noproto": 1, "igmp": 1])
    #expect(harness.mbufsInFlight == 0)
  }

  @Test func aChecksumThatTheInterfaceVerifiedIsNotVerifiedAgain() throws {
    let harness = try Harness.ip()
    let packet = Self.with { $0.checksumError = 1 }
    func input(_ flags: UInt32) {
      harness.engine.withAttachedThread {
        let m = Harness.makeChain(packet)!
        m.pointee.m_pkthdr.rcvif = harness.interface
        m.pointee.m_pkthdr.csum_flags = flags
        _ = netisr_dispatch(UInt32(NETISR_IP), m)
      }
    }
    input(CSUM_L3_CALC)
    #expect(harness.counter("ip.badsum") == 1)
    input(CSUM_L3_CALC | CSUM_L3_VALID)
    #expect(harness.counters("ip") == ["total": 2, "badsum": 1, "noproto": 1, "udp": 1])
  }

  @Test func aJumboPacketInManyPieces() throws {
    let harness = try Harness.ip()
    var packet = Self.datagram
    packet.proto = 2
    packet.payload = pattern(65515)
    harness.input(NETISR_IP, packet.bytes)
    #expect(harness.delivered(to: NETISR_IGMP).map(\.bytes) == [packet.bytes])
    #expect(harness.mbufsInFlight == 0)
  }
}

/// Whom packets are for, on an interface that does more than listen.
@Suite struct IPDestinationTests {
  static let loopback: [UInt8] = [127, 0, 0, 1]

  struct Case: Sendable, CustomTestStringConvertible {
    var source: [UInt8] = [192, 0, 2, 1]
    var destination: [UInt8]
    var options: [UInt8] = []
    var counter = "noproto"
    var testDescription: String { "\(source) to \(destination): \(counter)" }
  }

  static let cases = [
    Case(destination: [192, 0, 2, 9]),
    Case(destination: [192, 0, 2, 10], counter: "cantforward"),
    Case(destination: [192, 0, 2, 15]),  // its broadcast: 192.0.2.8/29
    Case(destination: [192, 0, 2, 255], counter: "cantforward"),
    Case(destination: [203, 0, 113, 1]),  // the other interface's
    Case(destination: [203, 0, 113, 255], counter: "cantforward"),
    Case(destination: [10, 0, 0, 1], counter: "cantforward"),  // another stack's
    Case(destination: [255, 255, 255, 255]),
    Case(destination: [0, 0, 0, 0]),
    Case(destination: [224, 0, 0, 1]),
    Case(destination: [239, 255, 255, 255]),
    Case(destination: [240, 0, 0, 1], counter: "cantforward"),
    Case(source: [0, 0, 0, 0], destination: [255, 255, 255, 255]),
    Case(source: [224, 0, 0, 1], destination: [192, 0, 2, 9], counter: "badaddr"),
    Case(source: [255, 255, 255, 255], destination: [192, 0, 2, 9], counter: "badaddr"),
    Case(source: loopback, destination: [192, 0, 2, 9], counter: "badaddr"),
    Case(destination: loopback, counter: "badaddr"),
    Case(destination: [192, 0, 2, 9], options: [131, 7, 4, 10, 0, 0, 1], counter: "cantforward"),
    Case(destination: [192, 0, 2, 9], options: [131, 7, 8, 10, 0, 0, 1]),
  ]

  private func address(_ bytes: [UInt8], _ prefixLength: UInt8) -> ifnet_addr {
    var address = ifnet_addr()
    address.ia_family = 4
    address.ia_prefixlen = prefixLength
    withUnsafeMutableBytes(of: &address.ia_addr) { $0.copyBytes(from: bytes) }
    return address
  }

  @Test(arguments: cases)
  func isForThisHostOrNot(_ example: Case) throws {
    let harness = try Harness.ip()
    let interfaces = harness.engine.interfaces
    let here = interfaces.make(name: "here", type: IFT_ETHER)!
    let other = interfaces.make(name: "other", type: IFT_ETHER)!
    let elsewhere = interfaces.make(name: "elsewhere", type: IFT_ETHER, vnet: 1)!
    here.pointee.if_addrs.0.ia_family = 6
    here.pointee.if_addrs.1 = address([192, 0, 2, 9], 29)
    here.pointee.if_addrcount = 2
    other.pointee.if_addrs.0 = address([203, 0, 113, 1], 24)
    other.pointee.if_addrcount = 1
    elsewhere.pointee.if_addrs.0 = address([10, 0, 0, 1], 32)
    elsewhere.pointee.if_addrcount = 1

    harness.engine.noteInterfaceChange()
    harness.engine.runCallouts()

    var packet = IPPacket(proto: 253, payload: pattern(8))
    packet.source = example.source
    packet.destination = example.destination
    packet.options = example.options
    harness.input(NETISR_IP, packet.bytes, interface: here)
    #expect(harness.counter("ip.\(example.counter)") == 1)
    #expect(harness.isIPBalanced)

    // Who only listens takes all.
    harness.input(NETISR_IP, packet.bytes)
    #expect(harness.counter("ip.noproto") == (example.counter == "noproto" ? 2 : 1))
  }
}
