import CNetISR
import Testing

@testable import PacketIO

@Suite struct LinkDecoderTests {
  let zeros6: [UInt8] = [0, 0, 0, 0, 0, 0]

  @Test func ethernet() {
    let unicast: [UInt8] = [2, 0, 0, 0, 0, 1] + [2, 0, 0, 0, 0, 2] + [0x08, 0x00, 0x45]
    #expect(
      decode(unicast, as: .en10MB, wireLength: 60)
        == .packet(proto: NETISR_ETHER, prefix: [], body: 0..<15, wireLength: 60, flags: 0))
    var frame = unicast
    frame.replaceSubrange(0..<6, with: [0xff, 0xff, 0xff, 0xff, 0xff, 0xff])
    #expect(
      decode(frame, as: .en10MB)
        == .packet(proto: NETISR_ETHER, prefix: [], body: 0..<15, wireLength: 15, flags: M_BCAST))
    frame[5] = 0xfe
    #expect(
      decode(frame, as: .en10MB)
        == .packet(proto: NETISR_ETHER, prefix: [], body: 0..<15, wireLength: 15, flags: M_MCAST))
    // What is too short for Ethernet is ether's to count.
    #expect(
      decode([0xff], as: .en10MB) == .packet(proto: NETISR_ETHER, prefix: [], body: 0..<1, wireLength: 1, flags: 0))
  }

  @Test func cookedVersion1() {
    let source: [UInt8] = [2, 0, 0, 0, 0, 9]
    let header: [UInt8] = [0, 0, 0, 1, 0, 6] + source + [0, 0] + [0x08, 0x00]
    #expect(
      decode(header + [0x45, 0], as: .linuxSLL)
        == .packet(
          proto: NETISR_ETHER, prefix: zeros6 + source + [0x08, 0x00], body: 16..<18, wireLength: 16, flags: 0))
    var broadcast = header
    broadcast[1] = 1
    #expect(
      decode(broadcast, as: .linuxSLL)
        == .packet(
          proto: NETISR_ETHER, prefix: [0xff, 0xff, 0xff, 0xff, 0xff, 0xff] + source + [0x08, 0x00], body: 16..<16,
          wireLength: 14, flags: M_BCAST))
    var multicast = header
    multicast[1] = 2
    #expect(
      decode(multicast, as: .linuxSLL)
        == .packet(
          proto: NETISR_ETHER, prefix: [1, 0, 0x5e, 0, 0, 0] + source + [0x08, 0x00], body: 16..<16,
          wireLength: 14, flags: M_MCAST))
    multicast.replaceSubrange(14..<16, with: [0x86, 0xdd])
    #expect(
      decode(multicast, as: .linuxSLL)
        == .packet(
          proto: NETISR_ETHER, prefix: [0x33, 0x33, 0, 0, 0, 0] + source + [0x86, 0xdd], body: 16..<16,
          wireLength: 14, flags: M_MCAST))
    #expect(decode(Array(header.dropLast()), as: .linuxSLL) == .refused(.tooShort))
  }

  @Test func cookedVersion2() {
    let header: [UInt8] = [0x86, 0xdd, 0, 0, 0, 0, 0, 3, 0, 1, 4, 0] + [1, 2, 3, 4, 5, 6, 7, 8]
    // Without an address of 6 bytes the source is unknown.
    #expect(
      decode(header + [0x60], as: .linuxSLL2)
        == .packet(
          proto: NETISR_ETHER, prefix: zeros6 + zeros6 + [0x86, 0xdd], body: 20..<21, wireLength: 15, flags: 0))
    #expect(decode(Array(header.dropLast()), as: .linuxSLL2) == .refused(.tooShort))
  }

  @Test func cookedProtocols() {
    func frame(hardware: UInt8, proto: [UInt8]) -> [UInt8] {
      [0, 0, 0, hardware, 0, 0] + [UInt8](repeating: 0, count: 8) + proto + [0xaa, 0xaa, 3]
    }
    for proto: UInt8 in [1, 4] {
      #expect(
        decode(frame(hardware: 1, proto: [0, proto]), as: .linuxSLL)
          == .packet(proto: NETISR_ETHER, prefix: zeros6 + zeros6 + [0, 3], body: 16..<19, wireLength: 17, flags: 0))
    }
    #expect(
      decode(frame(hardware: 1, proto: [0, 12]), as: .linuxSLL) == .refused(.unsupported(.cookedProtocol(12))))
    var radiotap = frame(hardware: 0, proto: [8, 0])
    radiotap.replaceSubrange(2..<4, with: [3, 0x23])
    #expect(decode(radiotap, as: .linuxSLL) == .refused(.unsupported(.hardwareType(803))))
    var netlink = frame(hardware: 0, proto: [0, 0])
    netlink.replaceSubrange(2..<4, with: [3, 0x38])
    #expect(
      decode(netlink, as: .linuxSLL)
        == .packet(proto: NETISR_ROUTE, prefix: [], body: 16..<19, wireLength: 3, flags: 0))
  }

  @Test(
    arguments: [
      ([0, 0, 0, 2], NETISR_IP), ([2, 0, 0, 0], NETISR_IP), ([0, 0, 0, 24], NETISR_IPV6),
      ([28, 0, 0, 0], NETISR_IPV6), ([0, 0, 0, 30], NETISR_IPV6), ([10, 0, 0, 0], NETISR_IPV6),
    ] as [([UInt8], Int32)])
  func null(family: [UInt8], proto: Int32) {
    #expect(
      decode(family + [1], as: .null) == .packet(proto: proto, prefix: [], body: 4..<5, wireLength: 1, flags: 0))
  }

  @Test func loopbackRefusals() {
    #expect(decode([0, 0, 2], as: .null) == .refused(.tooShort))
    #expect(decode([7, 0, 0, 0], as: .null) == .refused(.unsupported(.addressFamily(7))))
    #expect(decode([0, 0, 2], as: .loop) == .refused(.tooShort))
    #expect(
      decode([0, 0, 0, 2], as: .loop) == .packet(proto: NETISR_IP, prefix: [], body: 4..<4, wireLength: 0, flags: 0))
    // LOOP has one byte order only.
    #expect(decode([2, 0, 0, 0], as: .loop) == .refused(.unsupported(.addressFamily(0x0200_0000))))
  }

  @Test func rawIP() {
    func outcome(_ proto: Int32) -> Outcome { .packet(proto: proto, prefix: [], body: 0..<1, wireLength: 1, flags: 0) }
    #expect(decode([0x45], as: .raw) == outcome(NETISR_IP))
    #expect(decode([0x60], as: .raw) == outcome(NETISR_IPV6))
    #expect(decode([0x50], as: .raw) == outcome(NETISR_IP))
    #expect(decode([], as: .raw) == .refused(.tooShort))
    #expect(decode([0x60], as: .ipv4) == outcome(NETISR_IP))
    #expect(decode([0x45], as: .ipv6) == outcome(NETISR_IPV6))
  }

  @Test func netlink() {
    let header: [UInt8] = [0, 2, 3, 0x38] + [UInt8](repeating: 0, count: 10)
    #expect(
      decode(header + [0, 0, 9], as: .netlink)
        == .packet(proto: NETISR_ROUTE, prefix: [], body: 16..<17, wireLength: 1, flags: 0))
    #expect(decode(header + [0, 16, 9], as: .netlink) == .refused(.unsupported(.netlinkFamily(16))))
    #expect(UnsupportedReason.netlinkFamily(16).description == "netlink family generic")
    #expect(decode(header + [0], as: .netlink) == .refused(.tooShort))
    #expect(
      decode([0, 2, 0, 1] + header.dropFirst(4) + [0, 0], as: .netlink) == .refused(.unsupported(.hardwareType(1))))
  }

  /// Any bytes whatever give an answer, and the body lies inside the frame.
  @Test(arguments: LinkType.allCases) func noise(linkType: LinkType) {
    var random = SystemRandomNumberGenerator()
    for round in 0..<3_000 {
      let bytes = (0..<round % 97).map { _ in UInt8.random(in: 0...255, using: &random) }
      let wireLength = Int(UInt32.random(in: 0...UInt32.max, using: &random))
      if case .packet(_, let prefix, let body, _, _) = decode(bytes, as: linkType, wireLength: wireLength) {
        #expect(body.lowerBound >= 0 && body.upperBound <= bytes.count, "\(bytes)")
        #expect(prefix.count <= 16)
      }
    }
  }
}
