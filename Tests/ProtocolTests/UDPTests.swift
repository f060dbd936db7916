import CNetISR
import NetISR
import TestSupport
import Testing

/// UDP over IPv4: what is delivered, to whom, and what is said of the rest; with the echo and discard services above it.
@Suite struct UDPTests {
  private typealias Host = IPHost

  /// A datagram with a right checksum.
  static func datagram(
    from source: UInt16 = 40_000, to port: UInt16 = 7, payload: [UInt8] = pattern(33), length: Int? = nil,
    destination: [UInt8] = Host.leftAddress, hasChecksum: Bool = true
  ) -> IPPacket {
    var packet = IPPacket(source: Host.alice, destination: destination)
    let count = length ?? payload.count + 8
    var udp = [UInt8(source >> 8), UInt8(source & 0xff), UInt8(port >> 8), UInt8(port & 0xff)]
    udp += [UInt8(count >> 8 & 0xff), UInt8(count & 0xff), 0, 0] + payload
    if hasChecksum {
      let pseudo = packet.source + packet.destination + [0, 17, udp[4], udp[5]]
      let sum = internetChecksum(pseudo + udp.prefix(count))
      udp[6] = UInt8((sum == 0 ? 0xffff : sum) >> 8)
      udp[7] = UInt8((sum == 0 ? 0xffff : sum) & 0xff)
    }
    packet.payload = udp
    return packet
  }

  private static func host(_ plugins: [String] = ["ip", "udpecho"]) throws -> Host {
    try Host(plugins: plugins, forwarding: false)
  }

  @Test(arguments: [0, 1, 2, 33, 1472, 5000, 65_507])
  func echoes(count: Int) throws {
    let host = try Self.host()
    let packet = Self.datagram(payload: pattern(count))
    if count <= 1472 {
      for split in [[], [20], [28], [24], [1, 19, 8]] {
        host.input(packet, split: split)
        let sent = SentDatagram(try host.takeOne())
        #expect(sent.isSound && sent.source == Host.leftAddress && sent.destination == Host.alice && sent.ttl == 64)
        let udp = sent.payload
        #expect(udp[0..<4] == [0, 7, 0x9c, 0x40] && udp.dropFirst(8) == pattern(count)[...])
        #expect(internetChecksum(sent.source + sent.destination + [0, 17] + udp[4..<6] + udp) == 0)
      }
    } else {
      for fragment in packet.fragments(of: 1480) { host.input(fragment) }
      let udp = try #require(SentDatagram.reassembled(host.take()))
      #expect(udp[0..<4] == [0, 7, 0x9c, 0x40] && udp.dropFirst(8) == pattern(count)[...])
      #expect(internetChecksum(Host.leftAddress + Host.alice + [0, 17] + udp[4..<6] + udp) == 0)
    }
    #expect(host.counter("udp.delivered") == host.counter("udpecho.echoed"))
    #expect(host.harness.isIPBalanced && host.harness.mbufsInFlight == 0)
  }

  @Test func optionsStayBehind() throws {
    let host = try Self.host()
    var packet = Self.datagram()
    packet.options = [148, 4, 0, 0, 7, 7, 4, 0, 0, 0, 0]
    host.input(packet)
    let sent = SentDatagram(try host.takeOne())
    #expect(sent.isSound && sent.options == [] && sent.payload.dropFirst(8) == pattern(33)[...])
  }

  @Test func discards() throws {
    let host = try Self.host()
    host.input(Self.datagram(to: 9))
    #expect(host.take().isEmpty)
    #expect(host.counter("udpecho.discarded") == 1 && host.counter("udp.delivered") == 1)
  }

  @Test func isNoLoopForStrangers() throws {
    let host = try Self.host()
    for port in [0, 7, 9, 19, 53, 1023] as [UInt16] { host.input(Self.datagram(from: port)) }
    for destination in [[10, 1, 0, 255], [255, 255, 255, 255], [224, 0, 0, 1]] as [[UInt8]] {
      host.input(Self.datagram(destination: destination))
    }
    host.input(Self.datagram(), flags: M_BCAST)
    #expect(host.take().isEmpty)
    #expect(host.counter("udpecho.refused") == 10)
    host.input(Self.datagram(from: 1024))
    #expect(host.take().count == 1)
    host.left.pointee.if_flags |= UInt32(IFNET_MONITOR)
    host.input(Self.datagram())
    #expect(host.take().isEmpty && host.counter("udpecho.overheard") == 1)
  }

  @Test func aPortThatNobodyHas() throws {
    let host = try Self.host()
    let packet = Self.datagram(to: 5000)
    host.input(packet)
    let message = try #require(SentDatagram(try host.takeOne()).icmp)
    #expect(message.type == 3 && message.code == 3 && message.quote == packet.bytes)
    host.input(Self.datagram(to: 5000, destination: [10, 1, 0, 255]))
    host.input(packet, flags: M_MCAST)
    #expect(host.take().isEmpty)
    #expect(host.harness.counters("udp") == ["total": 3, "noport": 3, "noportbcast": 2])
    #expect(host.counter("ip.delivered") == 3 && host.harness.isIPBalanced)
  }

  @Test func theFirstFailureCounts() throws {
    let host = try Self.host()
    for count in 0..<8 {
      var packet = Self.datagram()
      packet.payload = Array(packet.payload.prefix(count))
      host.input(packet)
    }
    for length in [0, 7, 42, 1000] { host.input(Self.datagram(length: length)) }
    let right = Self.datagram()
    for bit in 0..<right.payload.count * 8 where !(32..<48).contains(bit) {
      var wrong = right
      wrong.payload[bit / 8] ^= 1 << (bit % 8)
      host.input(wrong, split: [20 + bit / 8])
    }
    #expect(host.take().isEmpty)
    let bits = UInt64(right.payload.count * 8 - 16)
    #expect(
      host.harness.counters("udp") == ["total": 12 + bits, "tooshort": 8, "badlen": 4, "badsum": bits])
    #expect(host.harness.isIPBalanced && host.harness.mbufsInFlight == 0)
  }

  @Test func bytesBehindTheDatagramAreNotPartOfIt() throws {
    let host = try Self.host()
    host.input(Self.datagram(payload: pattern(33), length: 8 + 20))
    let udp = SentDatagram(try host.takeOne()).payload
    #expect(udp.dropFirst(8) == pattern(20)[...])
    #expect(internetChecksum(Host.leftAddress + Host.alice + [0, 17] + udp[4..<6] + udp) == 0)
  }

  @Test func noChecksumIsNone() throws {
    let host = try Self.host()
    host.input(Self.datagram(hasChecksum: false))
    let udp = SentDatagram(try host.takeOne()).payload
    #expect(udp[6..<8] == [0, 0] && udp.dropFirst(8) == pattern(33)[...])
    #expect(host.counter("udp.nosum") == 1)
  }

  // MARK: Claims

  @Test func whoIsGoneHasNoClaim() throws {
    let host = try Self.host()
    host.input(Self.datagram())
    #expect(host.take().count == 1)
    try host.harness.host.unload("udpecho")
    host.input(Self.datagram())
    #expect(SentDatagram(try host.takeOne()).icmp?.code == 3)
    try host.harness.host.load(Fixtures.plugin("udpecho"))
    host.input(Self.datagram())
    #expect(SentDatagram(try host.takeOne()).bytes[9] == 17)
  }

  /// A handler of somebody's own that claims an IP protocol, UDP as a whole, and a port.
  @Test func protocolsAndPortsCanBeClaimed() throws {
    try Fixtures.withTemporaryDirectory { folder in
      let host = try Self.host(["ip"])
      let claimer = """
        #include <CNetISR.h>
        NETISR_PLUGIN("claimer", 12, 1, 1);
        struct subject { uint32_t kind, number; };
        static void input(struct mbuf *m) { (void)netisr_dispatch(NETISR_ETHER, m); }
        int netisr_plugin_register(struct netisr_handler *nhp)
        {
          static const struct subject wanted[] = { { 1, 253 }, { 1, 17 }, { 2, 4000 } };
          struct table_spec spec = { "shared.claims", TABLE_HASH, 8, 4, 4096, 0, 0,
            "kind:u32 number:u32 = proto:u32" };
          struct table *t;
          uint32_t mine = 12;
          int error = table_open(&spec, &t);
          for (int i = 0; i < 3 && error == 0; i++)
            error = table_insert(t, 0, &wanted[i], &mine);
          nhp->nh_name = "claimer";
          nhp->nh_handler = input;
          nhp->nh_proto = 12;
          nhp->nh_policy = NETISR_POLICY_FLOW;
          return (error);
        }
        """
      try CPlugin.compile(claimer, to: folder + "/claimer.so")
      try host.harness.host.load(folder + "/claimer.so")
      var packets = [Self.datagram(to: 4000), Self.datagram(to: 4001), Self.datagram()]
      packets[0].proto = 253
      for packet in packets { host.input(packet) }
      // What only listens hands over too.
      for packet in packets { host.harness.input(NETISR_IP, packet.bytes) }
      #expect(host.harness.delivered(to: NETISR_ETHER).map(\.bytes) == (packets + packets).map(\.bytes))
      #expect(host.harness.delivered(to: NETISR_ETHER).allSatisfy { $0.flags & (M_PROTO1 | M_PROTO2) == 0 })
      #expect(host.counter("ip.delivered") == 6 && host.counter("udp.delivered") == 4)
      // Wrong ones are not handed over.
      packets[1].payload[10] ^= 1
      host.input(packets[1])
      #expect(host.counter("udp.badsum") == 1 && host.harness.delivered(to: NETISR_ETHER).count == 6)
      #expect(host.harness.isIPBalanced)
    }
  }

  /// Captures of UDP count as before there was anybody to take it.
  @Test func aCapturesDatagramsAreOfNobody() throws {
    let host = try Self.host()
    host.harness.input(NETISR_IP, Self.datagram(to: 5000).bytes)
    #expect(host.counter("ip.noproto") == 1 && host.counter("ip.delivered") == 0)
    #expect(host.harness.counters("udp").isEmpty && host.take().isEmpty)
  }
}
