import CNetISR
import TestSupport
import Testing

/// nh_m2flow: which packets share a flow id.
@Suite struct IP6FlowTests {
  func flow(_ packet: [UInt8], split: [Int] = []) throws -> UInt32? {
    try Harness(plugins: []).flowID("ip6", packet, split: split)
  }

  static func ports(_ source: Int, _ destination: Int) -> [UInt8] {
    IP6.be16(source) + IP6.be16(destination) + [UInt8](repeating: 0, count: 16)
  }

  static let headers: [UInt8] =
    IP6.options(60, IP6.routerAlert) + IP6.options(43, []) + IP6.routing(51, type: 4, segmentsLeft: 0)
    + [44, 4] + [UInt8](repeating: 1, count: 22)

  @Test(arguments: [UInt8(6), 17, 132, 136])
  func bothDirectionsShareOne(protocolNumber: UInt8) throws {
    let there = IP6.packet(protocolNumber, Self.ports(1024, 80))
    let back = IP6.packet(protocolNumber, Self.ports(80, 1024), from: IP6.globalB, to: IP6.globalA)
    let id = try #require(try flow(there))
    #expect(try flow(back) == id)
    #expect(try flow(IP6.packet(protocolNumber, Self.ports(1025, 80))) != id)
    #expect(try flow(IP6.packet(protocolNumber, Self.ports(80, 1024))) != id)
    // Ports behind extension headers, an atomic fragment's among them.
    let deep = IP6.packet(0, Self.headers + IP6.fragment(protocolNumber, 0, more: false, Self.ports(1024, 80)))
    #expect(try flow(deep) == id)
    for cut in [1, 8, 39, 41, 45, 60, 100] { #expect(try flow(deep, split: [cut, 1, 1]) == id) }
  }

  @Test func fragmentsOfADatagramMeet() throws {
    let first = try #require(try flow(IP6.fragmentPacket(17, 0, more: true, Self.ports(1024, 80) + [0, 0, 0, 0])))
    #expect(try flow(IP6.fragmentPacket(17, 24, more: true, Self.ports(7, 7))) == first)
    #expect(try flow(IP6.fragmentPacket(6, 48, more: false, [1])) == first)
    #expect(try flow(IP6.packet(0, Self.headers + IP6.fragment(6, 48, more: false, [1]))) == first)
    #expect(try flow(IP6.fragmentPacket(17, 0, more: true, id: 8, Self.ports(1024, 80) + [0, 0, 0, 0])) != first)
  }

  @Test func otherProtocolsGoByAddresses() throws {
    let there = try #require(try flow(IP6.packet(58, IP6.echo())))
    #expect(try flow(IP6.packet(58, IP6.icmp6(129, [0, 1]), from: IP6.globalB, to: IP6.globalA)) == there)
  }

  /// No packet is lost on the way to its workstream, whatever is missing of it.
  @Test func truncatedPacketsGetSome() throws {
    let whole = IP6.packet(0, Self.headers + IP6.fragment(6, 0, more: false, Self.ports(1024, 80)))
    let harness = try Harness(plugins: ["ip6"], cpus: 2, dispatch: .deferred)
    for length in 0..<whole.count {
      harness.input(NETISR_IPV6, Array(whole.prefix(length)), split: length % 3 == 0 ? [1, 2, 40] : [])
    }
    harness.drain()
    #expect(harness.counter("ip6.total") == UInt64(whole.count))
    #expect(harness.mbufsInFlight == 0)
    #expect(try flow([]) != nil)
  }
}
