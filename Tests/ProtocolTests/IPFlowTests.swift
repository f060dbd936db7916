import CNetISR
import TestSupport
import Testing

/// nh_m2flow: which packets share a workstream.
@Suite struct IPFlowTests {
  static func ports(_ source: UInt16, _ destination: UInt16) -> [UInt8] {
    [UInt8(source >> 8), UInt8(source & 0xff), UInt8(destination >> 8), UInt8(destination & 0xff)]
  }

  static func flow(_ packet: IPPacket, split: [Int] = []) throws -> UInt32? {
    try Harness.ip().flowID("ip", packet.bytes, split: split)
  }

  @Test(arguments: [6, 17, 33, 132, 136] as [UInt8])
  func aFlowAndItsRepliesAreOne(proto: UInt8) throws {
    let packet = IPPacket(proto: proto, payload: Self.ports(1024, 53) + pattern(9))
    var reply = packet
    swap(&reply.source, &reply.destination)
    reply.payload = Self.ports(53, 1024)
    reply.options = [1, 1, 1, 1]
    reply.identification = 9
    let id = try #require(try Self.flow(packet))
    #expect(try Self.flow(reply) == id)
    for split in [[1], [19], [20], [21], [22, 1], [23]] { #expect(try Self.flow(packet, split: split) == id) }

    var other = packet
    other.payload = Self.ports(1025, 53)
    #expect(try Self.flow(other) != id)
    other = packet
    other.payload = Self.ports(53, 1024)
    #expect(try Self.flow(other) != id)
    other = packet
    other.source[3] ^= 1
    #expect(try Self.flow(other) != id)
  }

  @Test func otherProtocolsHaveNoPorts() throws {
    let packet = IPPacket(proto: 1, payload: icmpMessage(type: 8))
    var reply = packet
    swap(&reply.source, &reply.destination)
    reply.payload = icmpMessage(type: 0)
    #expect(try Self.flow(packet) == Self.flow(reply))
    #expect(try Self.flow(packet) != nil)
  }

  @Test func fragmentsFollowTheirDatagram() throws {
    let datagram = IPPacket(payload: Self.ports(1, 2) + pattern(60))
    let ids = try datagram.fragments(of: 16).map { try Harness.ip().flowID("ip", $0) }
    #expect(Set(ids).count == 1 && ids[0] != nil)
    var next = datagram
    next.identification += 1
    #expect(try Harness.ip().flowID("ip", next.fragments(of: 16)[0]) != ids[0])
  }

  @Test func anyBytesWillDo() throws {
    for count in [0, 1, 19] { #expect(try Harness.ip().flowID("ip", pattern(count)) == nil) }
    // A header of 15 words in 20 bytes; no payload; no header at all.
    var packet = IPPacket()
    packet.headerWords = 15
    #expect(try Self.flow(packet) != nil)
    #expect(try Self.flow(IPPacket(payload: [1, 2, 3])) == Self.flow(IPPacket()))
    #expect(try Harness.ip().flowID("ip", [UInt8](repeating: 0, count: 20)) != nil)
  }
}
