import CNetISR
import TestSupport
import Testing

/// Any bytes whatever at a host that answers and forwards: no crash, each packet counted once, and what is sent is right.
@Suite struct IPHostFuzzTests {
  private typealias Host = IPHost

  static let seeds: [[UInt8]] = {
    let echo = IPPacket(
      proto: 1, source: Host.alice, destination: Host.leftAddress, payload: icmpMessage(type: 8, rest: pattern(60)))
    var recorded = echo
    recorded.options = [7, 11, 4] + pattern(8) + [68, 12, 5, 1] + pattern(8)
    let times = IPPacket(
      proto: 1, source: Host.alice, destination: Host.leftAddress, payload: icmpMessage(type: 13, rest: pattern(16)))
    let udp = UDPTests.datagram(payload: pattern(50))
    var forwarded = IPPacket(source: Host.alice, destination: Host.bob, payload: pattern(700))
    let short = forwarded
    forwarded.options = recorded.options + [148, 4, 0, 0]
    var unknown = echo
    unknown.proto = 253
    let whole = [echo, recorded, times, udp, forwarded, short, unknown]
    return whole.map(\.bytes) + [echo, udp, forwarded].flatMap { $0.fragments(of: 24) }
  }()

  @Test(arguments: [1, 2, 3] as [UInt64])
  func mutatedPackets(seed: UInt64) throws {
    let host = try Host(plugins: ["ip", "udpecho"], rightMTU: 300)
    host.set("net.inet.icmp.icmplim", 0)
    host.set("net.inet.icmp.bmcastecho", Int64(seed % 2))
    var generator = SeededGenerator(seed: seed)
    var sent = 0
    for _ in 0..<8000 {
      let bytes = IPFuzzTests.mutate(Self.seeds.randomElement(using: &generator)!, &generator)
      let split = (0..<Int.random(in: 0...4, using: &generator)).map { _ in Int.random(in: 0...30, using: &generator) }
      let flags = [0, 0, 0, 0, M_BCAST, M_MCAST, M_PROMISC].randomElement(using: &generator)!
      // Now and then it is to be sent.
      let isOutput = Int.random(in: 0..<10, using: &generator) == 0
      host.input(bytes, split: split, flags: isOutput ? M_LOCALOUT : flags)
      host.harness.drain()
      for packet in host.take() {
        sent += 1
        #expect(SentDatagram(packet).isSound, "\(bytes) made \(packet.bytes)")
        #expect(packet.bytes.count <= (packet.interfaceIndex == host.right.pointee.if_index ? 300 : 1500))
        let to = packet.nextHop ?? []
        #expect(to.count == 4 && packet.flags & (M_LOCALOUT | M_BCAST | M_MCAST | M_PROMISC) == 0)
      }
      if Int.random(in: 0..<100, using: &generator) == 0 { host.harness.pass(2 * Host.second) }
    }
    #expect(host.harness.isIPBalanced)
    #expect(sent > 1500)
    for name in [
      "ip.forward", "ip.fragmented", "ip.reassembled", "ip.cantforward", "ip.odropped", "icmp.reflect",
      "icmp.outunreach", "icmp.outparamprob", "icmp.outtimxceed", "udpecho.echoed", "udp.badsum",
    ] {
      #expect(host.counter(name) > 0, "\(name)")
    }
    host.harness.pass(100 * Host.second, step: Host.second)
    host.harness.drain()
    host.harness.clearDelivered()
    #expect(host.harness.mbufsInFlight == 0)
    #expect(host.harness.engine.conservation().isBalanced)
  }
}
