import CNetISR
import TestSupport
import Testing

/// Packets that nobody would send: good ones, changed at random. Nothing may crash, every packet is counted, and no
/// memory is lost.
@Suite struct IP6FuzzTests {
  static let seeds: [[UInt8]] =
    (IP6Tests.good + IP6Tests.bad).map(\.packet) + ICMP6Tests.invalidDiscovery.map(\.1)
    + ICMP6Tests.invalidListening.map(\.1)
    + [
      ICMP6Tests.solicitation(), ICMP6Tests.advertisement(), ICMP6Tests.router(),
      IP6.listener(
        143,
        IP6.report([
          IP6.record(5, IP6.group, [IP6.globalA, IP6.globalB], auxiliary: [1, 2, 3, 4]), IP6.record(2, IP6.allNodes),
        ])),
    ] + IP6ReassemblyTests.Datagram(200).fragments(of: 48) + IP6ReassemblyTests.Datagram(4000).fragments(of: 1448)

  /// Without those that take long to make.
  static let small = seeds.filter { $0.count < 3000 }

  static func mutate(_ packet: [UInt8], _ generator: inout SeededGenerator) -> [UInt8] {
    var packet = packet
    for _ in 0..<Int.random(in: 0...6, using: &generator) where !packet.isEmpty {
      // Mostly in the headers.
      let limit = Bool.random(using: &generator) ? packet.count : min(packet.count, 72)
      let index = Int.random(in: 0..<limit, using: &generator)
      switch Int.random(in: 0..<8, using: &generator) {
      case 0: packet[index] = UInt8.random(in: 0...255, using: &generator)
      case 1: packet[index] ^= 1 << UInt8.random(in: 0..<8, using: &generator)
      case 2: packet[index] = [0, 1, 2, 6, 43, 44, 50, 51, 58, 59, 60, 135, 255].randomElement(using: &generator)!
      case 3: packet.removeSubrange(index...)
      case 4: packet.insert(contentsOf: (0..<Int.random(in: 1...40, using: &generator)).map { UInt8($0) }, at: index)
      case 5: packet.removeSubrange(index..<min(packet.count, index + 8))
      case 6 where packet.count > 48:
        // A Fragment header's offset and flags.
        packet[42] = UInt8.random(in: 0...1, using: &generator)
        packet[43] = UInt8.random(in: 0...255, using: &generator)
      default:
        let other = small.randomElement(using: &generator)!
        packet.replaceSubrange(index..., with: other.suffix(Int.random(in: 0...other.count, using: &generator)))
      }
    }
    // Half of them with the right length and checksum, so that they get further.
    if Bool.random(using: &generator), packet.count >= 40, packet.count < 65_000 {
      packet.replaceSubrange(4..<6, with: IP6.be16(packet.count - 40))
      packet[0] = 0x60
      if packet[6] == 58, packet.count >= 44 {
        (packet[42], packet[43]) = (0, 0)
        let sum = IP6.checksum(Array(packet[8..<40]) + IP6.be32(packet.count - 40) + [0, 0, 0, 58] + packet[40...])
        (packet[42], packet[43]) = (UInt8(sum >> 8), UInt8(sum & 0xff))
      }
    }
    return packet
  }

  static func split(_ packet: [UInt8], _ generator: inout SeededGenerator) -> [Int] {
    guard Bool.random(using: &generator) else { return [] }
    return (0..<Int.random(in: 1...12, using: &generator)).map { _ in
      Int.random(in: 0...(Bool.random(using: &generator) ? 9 : 60), using: &generator)
    }
  }

  /// What the counters of packets without fragments and reassembly add up to.
  static func ends(_ harness: Harness) -> UInt64 {
    let drops = [
      "tooshort", "badvers", "toosmall", "badscope", "exttooshort", "toomanyhdr", "badorder", "badoptions", "badjumbo",
      "routing0", "badrouting", "snapped", "cantforward", "nobufs", "nonext", "noproto", "delivered",
    ]
    return drops.reduce(0) { $0 + harness.counter("ip6.\($1)") }
  }

  @Test(arguments: [UInt64(1), 2, 3])
  func changedPackets(seed: UInt64) throws {
    var generator = SeededGenerator(seed: seed)
    // Two workers' queues: nh_m2flow sees every packet first.
    let harness = try Harness(plugins: ["ip6"], cpus: 2, dispatch: .deferred)
    var time: UInt64 = 1_000_000_000
    let count = 15_000
    for round in 1...count {
      let packet = Self.mutate(Self.small.randomElement(using: &generator)!, &generator)
      time &+= UInt64.random(in: 0...100_000_000, using: &generator)
      let wireLength = Int.random(in: 0..<8, using: &generator) == 0 ? packet.count + 100 : nil
      harness.input(
        NETISR_IPV6, packet, time: time, split: Self.split(packet, &generator), wireLength: wireLength)
      if round % 64 == 0 { harness.drain() }
    }
    harness.drain()
    #expect(harness.counter("ip6.total") == UInt64(count))
    #expect(harness.counter("ip6.delivered") > 1000)
    #expect(harness.engine.conservation().isBalanced)
    #expect(harness.engine.conservation().handled == UInt64(count))

    // What still waits is given up; a datagram that contradicts itself holds no memory.
    time += 1_000_000_000_000
    let last = IP6.fragmentPacket(58, 64, more: true, id: 0xffff_ffff, [UInt8](repeating: 0, count: 16))
    let contradiction = IP6.fragmentPacket(58, 72, more: true, id: 0xffff_ffff, [UInt8](repeating: 0, count: 16))
    for packet in [last, contradiction] { harness.input(NETISR_IPV6, packet, time: time) }
    harness.drain()
    #expect(harness.mbufsInFlight == 0)
    #expect(harness.engine.tableEntries(of: "ip6.reassembly", vnet: 0)?.count == 1)
  }

  /// Each packet ends in one counter, when no fragments are among them.
  @Test func everyPacketEndsOnce() throws {
    var generator = SeededGenerator(seed: 99)
    let harness = try Harness(plugins: ["ip6"])
    var sent: UInt64 = 0
    for _ in 0..<10_000 {
      let packet = Self.mutate(Self.small.randomElement(using: &generator)!, &generator)
      harness.input(NETISR_IPV6, packet, split: Self.split(packet, &generator))
      sent += 1
      let fragments = harness.counter("ip6.fragments") - harness.counter("ip6.atomicfrags")
      // A fragment ends in a datagram, or in a counter of its own.
      #expect(sent <= Self.ends(harness) + fragments)
      #expect(Self.ends(harness) <= sent + harness.counter("ip6.reassembled"))
      if fragments == 0 { #expect(Self.ends(harness) == sent) }
    }
  }

  /// Fragments of a few datagrams, in any order, some changed: what is put together has been sent so.
  @Test func changedFragments() throws {
    var generator = SeededGenerator(seed: 7)
    let harness = try Harness(plugins: ["ip6"])
    var time: UInt64 = 1_000_000_000
    for round in 0..<300 {
      let datagram = IP6ReassemblyTests.Datagram(Int.random(in: 40...3000, using: &generator), id: UInt32(round))
      var fragments = datagram.fragments(of: 8 * Int.random(in: 1...40, using: &generator))
      if Bool.random(using: &generator) {
        // Overlaps and duplicates of any kind.
        for _ in 0..<3 {
          let start = 8 * Int.random(in: 0..<(datagram.whole.count / 8), using: &generator)
          let end = min(datagram.whole.count, start + 8 * Int.random(in: 1...50, using: &generator))
          fragments.append(datagram.fragment(start, end))
        }
      }
      for packet in fragments.shuffled(using: &generator) {
        time += 1_000_000
        harness.input(NETISR_IPV6, packet, time: time, split: Self.split(packet, &generator))
      }
    }
    // The bytes are the same whatever overlaps: what came out is right.
    #expect(harness.counter("icmp6.badsum") == 0)
    #expect(harness.counter("icmp6.echo") == harness.counter("ip6.reassembled") + harness.counter("ip6.atomicfrags"))
    #expect(harness.counter("ip6.reassembled") > 100)
    #expect(harness.counter("ip6.fragdropped") > 100)
  }
}
