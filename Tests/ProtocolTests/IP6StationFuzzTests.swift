import CNetISR
import NetISR
import TestSupport
import Testing

/// Packets that nobody would send, to a station and a router that answer: nothing may crash, what it sends is well-formed,
/// and what it keeps has an end.
@Suite struct IP6StationFuzzTests {
  private typealias Station = IP6Station

  /// Addresses of the good packets, and this station's.
  private static let aims: [[UInt8]] = [
    Station.global, Station.linkLocal, Station.solicited, IP6.allNodes, IP6.globalB, IP6.group,
  ]

  /// Good packets that this station has something to do about.
  private static let seeds: [[UInt8]] =
    IP6FuzzTests.small + [
      UDP6Tests.packet(to: Station.global), IP6.icmp6Packet(128, [0, 1, 0, 2], to: Station.global),
      Station.solicitation(Station.global, from: IP6.globalA),
      IP6.icmp6Packet(2, IP6.be32(1300) + IP6.packet(59, [1], from: Station.global), to: Station.global),
      IP6.listener(130, [0, 100, 0, 0] + IP6.unspecified + [2, 60, 0, 0], to: IP6.allNodes),
      IP6.icmp6Packet(
        134,
        [64, 0, 7, 8] + IP6.be32(0) + IP6.be32(0) + [3, 4, 64, 0xc0] + IP6.be32(9000) + IP6.be32(9000) + IP6.be32(0)
          + [0x20, 1, 0x0d, 0xb8, 0, 7] + [UInt8](repeating: 0, count: 10), from: IP6.linkB, to: IP6.allNodes),
    ]

  @Test(arguments: [UInt64(1), 2, 3, 4])
  func changedPackets(seed: UInt64) throws {
    var generator = SeededGenerator(seed: seed)
    let station = try Station()
    station.settle()
    if seed > 2 { station.set("ip6.forwarding", 1) }
    station.set("icmp6.errppslimit", -1)
    station.meet(IP6.globalA, at: ICMP6Tests.mac)
    station.meet(IP6.linkA, at: ICMP6Tests.mac)
    for _ in 0..<6000 {
      var packet = IP6FuzzTests.mutate(Self.seeds.randomElement(using: &generator)!, &generator)
      if packet.count >= 40, Bool.random(using: &generator) {
        packet.replaceSubrange(24..<40, with: Self.aims.randomElement(using: &generator)!)
        if packet[6] == 58, packet.count >= 44 { Self.sum(&packet) }
      }
      switch Int.random(in: 0..<12, using: &generator) {
      case 0: station.output(packet)
      case 1: station.output(packet, to: IP6.globalA)
      case 2: station.input(packet, flags: UInt32(M_MCAST))
      case 3: station.pass(Station.tick)
      default: station.input(packet, split: IP6FuzzTests.split(packet, &generator))
      }
    }
    #expect(station.harness.counter("icmp6.reflect") > 20)
    #expect(station.harness.counter("icmp6.snd_paramprob") > 10)
    for packet in station.sent() where packet.count >= 44 && packet[6] == 58 { try Self.check(packet) }
    #expect(station.harness.tableCount("ip6.addresses") <= 18 && station.harness.tableCount("ip6.routers") <= 64)
    // Nothing waits for ever.
    station.harness.pass(200 * Station.second, step: Station.tick)
    #expect(station.harness.mbufsInFlight == 0)
    #expect(station.harness.tableCount("ip6.probes") == 0 && station.harness.engine.conservation().isBalanced)
  }

  private static func sum(_ packet: inout [UInt8]) {
    (packet[42], packet[43]) = (0, 0)
    let sum = IP6.checksum(Array(packet[8..<40]) + IP6.be32(packet.count - 40) + [0, 0, 0, 58] + packet[40...])
    (packet[42], packet[43]) = (UInt8(sum >> 8), UInt8(sum & 0xff))
  }

  /// Of a message of this station's own: its length, its checksum, and as an error no more than 1,280 bytes.
  private static func check(_ packet: [UInt8]) throws {
    guard [Station.global, Station.linkLocal].contains(Array(packet[8..<24])),
      [1, 3, 4, 129, 135, 136].contains(packet[40])
    else { return }
    #expect(Int(packet[4]) << 8 + Int(packet[5]) == packet.count - 40)
    #expect(packet[40] > 4 || packet.count <= 1280)
    // Datagrams that a test has sent itself may look like one.
    guard packet[40] != 129 || packet[7] == 64 else { return }
    if packet[40] <= 4 || packet[40] == 136 {
      #expect(IP6.checksum(Array(packet[8..<40]) + IP6.be32(packet.count - 40) + [0, 0, 0, 58] + packet[40...]) == 0)
    }
  }

  /// Two links of two virtual stacks with one address: each answers on its own, and forgets nothing of the other.
  @Test func stacksAreStrangers() throws {
    let station = try Station()
    let recorder = FrameRecorder()
    let other = try #require(
      station.harness.engine.interfaces.make(
        name: "other", type: IFT_ETHER, vnet: 3, flags: UInt32(IFNET_NODAD), output: recorder))
    withUnsafeMutableBytes(of: &other.pointee.if_lladdr) { $0.copyBytes(from: [2, 0, 0, 0, 0, 0x55]) }
    other.pointee.if_lladdrlen = 6
    Station.set([(Station.global, 64)], of: other)
    station.settle()
    _ = recorder.take()
    let question = ICMP6Tests.solicitation(Station.global, from: IP6.globalA, to: Station.solicited)
    station.input(question, by: other)
    #expect(station.sent().isEmpty && recorder.take().count == 1)
    station.input(question)
    #expect(station.sent().count == 1 && recorder.take().isEmpty)
    #expect(station.harness.engine.tableEntries(of: "ip6.neighbours", vnet: 3)?.count == 1)
    other.pointee.if_flags &= ~UInt32(IFNET_UP)
    station.noteChange()
    #expect(station.harness.engine.tableEntries(of: "ip6.neighbours", vnet: 3)?.isEmpty == true)
    #expect(station.addressState(Station.global) == 2 && station.neighbourState(IP6.globalA) != nil)
  }
}
