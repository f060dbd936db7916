import CNetISR
import TestSupport
import Testing

/// Any bytes whatever: no crash, no packet lost, each counted once.
@Suite struct IPFuzzTests {
  static let seeds: [[UInt8]] = {
    var icmp = IPPacket(proto: 1, payload: icmpMessage(type: 8, rest: pattern(48)))
    var igmp = IPPacket(proto: 2, options: [148, 4, 0, 0], payload: pattern(8))
    let options = IPPacket(
      options: [7, 15, 8] + pattern(12) + [68, 12, 5, 1] + pattern(8) + [131, 7, 4, 1, 2, 3, 4], payload: pattern(20))
    let fragments = [IPPacket(proto: 2, payload: pattern(200)), icmp].flatMap { $0.fragments(of: 24) }
    icmp.padding = pattern(9)
    igmp.dontFragment = true
    return [icmp.bytes, igmp.bytes, options.bytes, IPPacket(proto: 6, payload: pattern(20)).bytes] + fragments
  }()

  /// Turns bits, cuts, repeats; most of the time the header checksum is made right again, so that what lies behind is
  /// reached.
  static func mutate(_ bytes: [UInt8], _ generator: inout SeededGenerator) -> [UInt8] {
    var bytes = bytes
    for _ in 0..<Int.random(in: 0...4, using: &generator) where !bytes.isEmpty {
      let index = Int.random(in: 0..<min(bytes.count, Bool.random(using: &generator) ? 60 : .max), using: &generator)
      switch Int.random(in: 0..<6, using: &generator) {
      case 0: bytes[index] ^= 1 << UInt8.random(in: 0..<8, using: &generator)
      case 1: bytes[index] = UInt8.random(in: 0...255, using: &generator)
      case 2: bytes[index] = [0, 1, 4, 0x7f, 0x80, 0xff].randomElement(using: &generator)!
      case 3: bytes.removeLast(Int.random(in: 0...min(bytes.count, 30), using: &generator))
      case 4: bytes.insert(contentsOf: bytes.prefix(Int.random(in: 0...40, using: &generator)), at: index)
      default: bytes += pattern(Int.random(in: 0...40, using: &generator))
      }
    }
    let length = Int(bytes.first ?? 0) % 16 * 4
    if Int.random(in: 0..<8, using: &generator) > 0, length >= 20, bytes.count >= length {
      bytes[0] = 0x40 | bytes[0] & 0xf
      if Int.random(in: 0..<3, using: &generator) > 0 {
        bytes[2] = UInt8(truncatingIfNeeded: bytes.count >> 8)
        bytes[3] = UInt8(truncatingIfNeeded: bytes.count)
      }
      bytes[10] = 0
      bytes[11] = 0
      let sum = internetChecksum(bytes.prefix(length))
      bytes[10] = UInt8(sum >> 8)
      bytes[11] = UInt8(sum & 0xff)
    }
    return bytes
  }

  @Test(arguments: [1, 2, 3] as [UInt64])
  func mutatedPackets(seed: UInt64) throws {
    let whole = try Harness.ip()
    let cut = try Harness.ip()
    var generator = SeededGenerator(seed: seed)
    var time: UInt64 = 1 << 60
    for _ in 0..<10_000 {
      let bytes = Self.mutate(Self.seeds.randomElement(using: &generator)!, &generator)
      time += UInt64.random(in: 0...400_000_000, using: &generator)
      let wire = Int.random(in: 0..<4, using: &generator) == 0 ? Int.random(in: 0...100, using: &generator) : 0
      let split = (0..<Int.random(in: 1...4, using: &generator)).map { _ in Int.random(in: 0...30, using: &generator) }
      whole.input(NETISR_IP, bytes, time: time, wireLength: bytes.count + wire)
      cut.input(NETISR_IP, bytes, time: time, split: split, wireLength: bytes.count + wire)
    }
    #expect(whole.counter("ip.total") == 10_000)
    #expect(whole.isIPBalanced)
    // A chain of pieces is the same packet.
    #expect(whole.counters("ip") == cut.counters("ip"))
    #expect(whole.counters("icmp") == cut.counters("icmp"))
    #expect(whole.delivered(to: NETISR_IGMP).map(\.bytes) == cut.delivered(to: NETISR_IGMP).map(\.bytes))
    // Each of these was reached.
    for name in ["badvers", "badhlen", "badsum", "badlen", "badoptions", "tooshort", "fragdropped", "fragtimeout"] {
      #expect(whole.counter("ip.\(name)") > 0, "\(name)")
    }
    for harness in [whole, cut] {
      // All that is held is of the last half minute; a lone fragment an hour later sweeps it away.
      let lone = IPFragmentDropTests.fragment(8, 8, more: true)
      harness.input(NETISR_IP, lone, time: time + 3600 * 1_000_000_000)
      #expect(harness.mbufsInFlight == 1)
      #expect(harness.engine.conservation().isBalanced)
    }
  }
}
