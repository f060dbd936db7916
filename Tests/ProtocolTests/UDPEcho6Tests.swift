import CNetISR
import NetISR
import TestSupport
import Testing

/// udpecho over IPv6: it is handed whole datagrams, and hands its own to ip6.
@Suite struct UDPEcho6Tests {
  private static let alice: [UInt8] = [0x20, 1, 0xd, 0xb8] + [UInt8](repeating: 0, count: 11) + [7]
  private static let own: [UInt8] = [0x20, 1, 0xd, 0xb8] + [UInt8](repeating: 0, count: 11) + [1]

  /// An IPv6 datagram with a right checksum, behind extension headers.
  private static func datagram(
    from source: UInt16 = 40_000, to port: UInt16 = 7, _ payload: [UInt8], extensions: [UInt8] = [], first: UInt8 = 17,
    destination: [UInt8] = own
  ) -> [UInt8] {
    let count = payload.count + 8
    var udp = [UInt8(source >> 8), UInt8(source & 0xff), UInt8(port >> 8), UInt8(port & 0xff)]
    udp += [UInt8(count >> 8), UInt8(count & 0xff), 0, 0] + payload
    let sum = internetChecksum(alice + destination + [0, 0, UInt8(count >> 8), UInt8(count & 0xff), 0, 0, 0, 17] + udp)
    udp[6] = UInt8(sum >> 8)
    udp[7] = UInt8(sum & 0xff)
    let length = extensions.count + udp.count
    return [0x6b, 0x81, 2, 3, UInt8(length >> 8), UInt8(length & 0xff), first, 64] + alice + destination + extensions
      + udp
  }

  private func host() throws -> (Harness, UnsafeMutablePointer<ifnet>) {
    let harness = try Harness(plugins: ["udpecho"])
    return (harness, try #require(harness.engine.interfaces.make(name: "left", type: IFT_ETHER)))
  }

  @Test(arguments: [0, 1, 100, 9000], [[], [40], [48], [1, 20, 30]])
  func echoes(count: Int, split: [Int]) throws {
    let (harness, left) = try host()
    let extensions: [[UInt8]] = [[], [60, 0, 1, 4, 0, 0, 0, 0, 17, 1] + [UInt8](repeating: 0, count: 14)]
    for headers in extensions {
      let packet = Self.datagram(pattern(count), extensions: headers, first: headers.isEmpty ? 17 : 0)
      harness.input(11, packet, split: split, interface: left)
      let sent = try #require(harness.delivered(to: NETISR_IPV6).first)
      #expect(sent.flags & M_LOCALOUT != 0)
      let bytes = sent.bytes
      #expect(bytes.count == 48 + count && bytes[6] == 17 && bytes[0] == 0x6b && bytes[1] == 0x80)
      #expect(Array(bytes[8..<24]) == Self.own && Array(bytes[24..<40]) == Self.alice)
      #expect(bytes[40..<44] == [0, 7, 0x9c, 0x40] && Array(bytes[48...]) == pattern(count))
      let length = UInt8(truncatingIfNeeded: (count + 8) >> 8)
      let pseudo = [0, 0, length, UInt8(truncatingIfNeeded: count + 8), 0, 0, 0, 17] as [UInt8]
      #expect(internetChecksum(bytes[8..<40] + pseudo + bytes[40...]) == 0)
      harness.clearDelivered()
    }
    #expect(harness.counter("udpecho.echoed") == 2 && harness.mbufsInFlight == 0)
  }

  @Test func saysNothing() throws {
    let (harness, left) = try host()
    harness.input(11, Self.datagram(to: 9, pattern(9)), interface: left)
    harness.input(11, Self.datagram(from: 7, pattern(9)), interface: left)
    var group = Self.own
    group[0] = 0xff
    harness.input(11, Self.datagram(pattern(9), destination: group), interface: left)
    harness.input(11, Self.datagram(pattern(9)))
    // What is no UDP datagram at all.
    let right = Self.datagram(pattern(9))
    for count in 0..<right.count { harness.input(11, Array(right.prefix(count)), interface: left) }
    #expect(harness.delivered(to: NETISR_IPV6).isEmpty && harness.mbufsInFlight == 0)
    #expect(
      harness.counters("udpecho") == ["discarded": 1, "refused": 2, "overheard": 1, "failed": UInt64(right.count)])
  }
}
