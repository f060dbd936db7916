import CNetISR
import NetISR
import Testing
import TestSupport

/// route: what is believed, kept, and counted.
@Suite struct RouteTests {
  let harness: Harness
  let nl = RouteMessages()

  init() throws { harness = try Harness(plugins: ["route"]) }

  func input(_ messages: [UInt8]...) { harness.input(NETISR_ROUTE, messages.flatMap { $0 }) }

  func entries(_ table: String) -> [TableEntry] { harness.engine.tableEntries(of: "route." + table, vnet: 0) ?? [] }

  /// "10.0.0.0/8 > 10.9.9.9 2 m100 t1" of each selected IPv4 route, sorted.
  func selected() -> [String] {
    entries("inet").map { entry in
      let (key, value) = (entry.key, entry.value)
      func dotted(_ bytes: ArraySlice<UInt8>) -> String { bytes.map(String.init).joined(separator: ".") }
      func u32(_ at: Int) -> Int { (0..<4).reduce(0) { $0 | Int(value[at + $1]) << (8 * $1) } }
      let gateway = value[44] == 0 ? "link" : value[44] == 4 ? dotted(value[0..<4]) : "6"
      return "\(dotted(key[4..<8]))/\(key[0]) > \(gateway) \(u32(16)) m\(u32(20)) t\(value[47])"
    }.sorted()
  }

  static let a: [UInt8] = [10, 1, 0, 0]
  static let gateway: [UInt8] = [192, 0, 2, 1]
  static let gateway2: [UInt8] = [192, 0, 2, 2]

  // MARK: Routes

  @Test func routesComeChangeAndGo() {
    input(nl.route(Self.a, prefix: 16, via: Self.gateway, interface: 2))
    input(nl.route(nil, prefix: 0, via: Self.gateway2, interface: 2, metric: 100))
    #expect(selected() == ["0.0.0.0/0 > 192.0.2.2 2 m100 t1", "10.1.0.0/16 > 192.0.2.1 2 m0 t1"])
    input(
      nl.route(
        Self.a, prefix: 16, via: Self.gateway, interface: 2, extra: nl.attribute(8, nl.attribute(2, nl.u32(1400)))))
    #expect(entries("inet").contains { $0.value[32] == 0x78 && $0.value[33] == 0x05 })
    input(nl.route(type: 25, nil, prefix: 0, via: Self.gateway2, interface: 2, metric: 100))
    input(nl.route(type: 25, nil, prefix: 0, via: Self.gateway2, interface: 2, metric: 100))
    #expect(selected() == ["10.1.0.0/16 > 192.0.2.1 2 m0 t1"])
    #expect(
      harness.counters("route") == [
        "messages": 5, "newroute": 3, "delroute": 2, "adds": 2, "changes": 1, "deletes": 1, "absent": 1,
      ])
  }

  @Test func theLowestMetricIsSelectedAndTheNextFollows() {
    input(nl.route(Self.a, prefix: 16, via: Self.gateway, interface: 3, metric: 200))
    input(nl.route(Self.a, prefix: 16, via: Self.gateway2, interface: 4, metric: 100))
    input(nl.route(Self.a, prefix: 16, interface: 5, metric: 300))
    #expect(selected() == ["10.1.0.0/16 > 192.0.2.2 4 m100 t1"])
    // A worse one goes: nothing changes.
    input(nl.route(type: 25, Self.a, prefix: 16, interface: 5, metric: 300))
    #expect(selected() == ["10.1.0.0/16 > 192.0.2.2 4 m100 t1"])
    input(nl.route(type: 25, Self.a, prefix: 16, via: Self.gateway2, interface: 4, metric: 100))
    #expect(selected() == ["10.1.0.0/16 > 192.0.2.1 3 m200 t1"])
    #expect(entries("shared").isEmpty)
    input(nl.route(type: 25, Self.a, prefix: 16, via: Self.gateway, interface: 3, metric: 200))
    #expect(selected().isEmpty)
    #expect(entries("routes").isEmpty)
  }

  @Test func aDeletionOfAnotherRouteDeletesNothing() {
    input(nl.route(Self.a, prefix: 16, via: Self.gateway, interface: 2, metric: 100))
    input(
      nl.route(type: 25, Self.a, prefix: 17, via: Self.gateway, interface: 2, metric: 100),
      nl.route(type: 25, Self.a, prefix: 16, via: Self.gateway2, interface: 2, metric: 100),
      nl.route(type: 25, Self.a, prefix: 16, via: Self.gateway, interface: 3, metric: 100),
      nl.route(type: 25, Self.a, prefix: 16, via: Self.gateway, interface: 2, metric: 101),
      nl.route(type: 25, Self.a, prefix: 16, via: Self.gateway, interface: 2, metric: 100, table: 100),
      nl.route(type: 25, Self.a, prefix: 16, via: Self.gateway, interface: 2, metric: 100, kind: 7),
      nl.route(type: 25, Self.a, prefix: 16, via: Self.gateway, interface: 2, metric: 100, tos: 16))
    #expect(selected() == ["10.1.0.0/16 > 192.0.2.1 2 m100 t1"])
    #expect(harness.counter("route.absent") == 7)
  }

  @Test func aReplacementTakesTheOldOnesPlace() {
    input(nl.route(Self.a, prefix: 16, via: Self.gateway, interface: 2))
    input(nl.route(Self.a, prefix: 16, via: Self.gateway2, interface: 3, flags: 0x100))
    #expect(selected() == ["10.1.0.0/16 > 192.0.2.2 3 m0 t1"])
    #expect(entries("routes").count == 1)
    #expect(harness.counter("route.changes") == 1)
    // With others beside it.
    input(nl.route(Self.a, prefix: 16, via: Self.gateway, interface: 2, metric: 50))
    input(nl.route(Self.a, prefix: 16, interface: 9, flags: 0x100))
    #expect(selected() == ["10.1.0.0/16 > link 9 m0 t1"])
    #expect(entries("routes").count == 2)
    input(nl.route(type: 25, Self.a, prefix: 16, interface: 9))
    #expect(selected() == ["10.1.0.0/16 > 192.0.2.1 2 m50 t1"])
    // In another table, and of another metric: nothing was there.
    input(nl.route(Self.a, prefix: 16, interface: 9, table: 100, flags: 0x100))
    input(nl.route(Self.a, prefix: 16, interface: 9, table: 100, flags: 0x100))
    #expect(harness.counter("route.changes") == 3)
    #expect(harness.counter("route.adds") == 3)
  }

  @Test func otherTablesAreKeptButNotSelected() {
    input(
      nl.route(Self.a, prefix: 16, interface: 2, table: 255, kind: 2),
      nl.route(Self.a, prefix: 16, interface: 2, table: 100),
      nl.route(Self.a, prefix: 16, interface: 2, table: 0, extra: nl.attribute(15, nl.u32(100_000))),
      nl.route(Self.a, prefix: 16, interface: 2, tos: 8))
    #expect(selected().isEmpty)
    #expect(entries("routes").count == 4)
    input(nl.route(Self.a, prefix: 16, interface: 2, table: 252, extra: nl.attribute(15, nl.u32(254))))
    #expect(selected() == ["10.1.0.0/16 > link 2 m0 t1"])
  }

  @Test func thereCanBeNoWay() {
    input(nl.route(Self.a, prefix: 16, kind: 6))
    #expect(selected() == ["10.1.0.0/16 > link 0 m0 t6"])
  }

  @Test func severalNextHops() {
    let hops = [
      RouteMessages.Hop(gateway: Self.gateway, interface: 2), .init(gateway: Self.gateway2, interface: 3),
      .init(gateway: nil, interface: 4),
    ]
    input(nl.route(Self.a, prefix: 16, hops: hops))
    #expect(selected() == ["10.1.0.0/16 > 192.0.2.1 2 m0 t1"])
    #expect(entries("routes").count == 3)
    #expect(entries("inet").first?.value[40] == 3)
    input(nl.route(Self.a, prefix: 16, hops: hops))
    #expect(entries("routes").count == 3)
    input(nl.route(type: 25, Self.a, prefix: 16, hops: hops))
    #expect(selected().isEmpty)
    #expect(entries("routes").isEmpty)
    #expect(
      harness.counters("route") == ["messages": 3, "newroute": 2, "delroute": 1, "adds": 1, "changes": 1, "deletes": 1])
  }

  @Test func aGatewayOfTheOtherFamily() {
    let via = nl.u16(10) + [0xfe, 0x80] + [UInt8](repeating: 0, count: 13) + [1]
    input(nl.route(Self.a, prefix: 16, interface: 2, extra: nl.attribute(18, via)))
    #expect(selected() == ["10.1.0.0/16 > 6 2 m0 t1"])
  }

  @Test func bitsBehindThePrefixDoNotCount() {
    input(nl.route([10, 1, 2, 3], prefix: 15, interface: 2))
    input(nl.route([10, 0, 9, 9], prefix: 15, interface: 2))
    #expect(selected() == ["10.0.0.0/15 > link 2 m0 t1"])
    #expect(entries("routes").count == 1)
    input(nl.route([1, 2, 3, 4], prefix: 32, interface: 2), nl.route([9, 9, 9, 9], prefix: 0, interface: 2))
    #expect(selected().count == 3)
  }

  @Test func ipv6() {
    let net: [UInt8] = [0x20, 1, 0x0d, 0xb8] + [UInt8](repeating: 0, count: 12)
    let gateway: [UInt8] = [0xfe, 0x80] + [UInt8](repeating: 0, count: 13) + [1]
    input(nl.route(family: 10, net, prefix: 48, via: gateway, interface: 2, metric: 1024))
    #expect(entries("inet6").map { $0.key } == [[48, 0, 0, 0] + net])
    #expect(entries("inet6").first?.value[0..<20] == gateway[...] + [2, 0, 0, 0])
    // One prefix on two links, as link-local ones are.
    input(
      nl.route(family: 10, gateway, prefix: 64, interface: 2, metric: 256),
      nl.route(family: 10, gateway, prefix: 64, interface: 3, metric: 256))
    #expect(entries("inet6").count == 2)
    input(nl.route(type: 25, family: 10, gateway, prefix: 64, interface: 2, metric: 256))
    #expect(entries("inet6").first { $0.key[0] == 64 }?.value[16] == 3)
    input(nl.route(type: 25, family: 10, gateway, prefix: 64, interface: 3, metric: 256))
    input(nl.route(type: 25, family: 10, net, prefix: 48, via: gateway, interface: 2, metric: 1024))
    #expect(entries("inet6").isEmpty)
    #expect(entries("routes").isEmpty)
  }

  // MARK: What is not believed

  @Test func requestsAreNotBelieved() {
    input(
      nl.link(index: 2, name: "eth0", flags: 0x605), nl.address(index: 2, [10, 1, 0, 1], prefix: 16, flags: 0x605),
      nl.route(Self.a, prefix: 16, interface: 2, flags: 0x605), nl.neighbour(index: 2, [10, 1, 0, 2], flags: 0x605))
    input(nl.route(Self.a, prefix: 16, interface: 2))
    input(nl.route(type: 25, Self.a, prefix: 16, interface: 2, flags: 5))
    #expect(selected().count == 1)
    #expect(entries("links").isEmpty && entries("addresses").isEmpty && entries("neighbours").isEmpty)
    #expect(
      harness.counters("route") == [
        "messages": 6, "newlink": 1, "newaddr": 1, "newroute": 2, "newneigh": 1, "delroute": 1, "requests": 5,
        "adds": 1,
      ])
  }

  @Test func whatIsNotKept() {
    input(
      nl.route(family: 28, nil, prefix: 20), nl.route(Self.a, prefix: 16, routeFlags: 0x200),
      nl.route(Self.a, prefix: 16, source: 8),
      nl.link(index: 2, family: 7), nl.link(type: 17, index: 2, family: 10),
      nl.neighbour(family: 7, index: 2, [1, 2, 3, 4]),
      nl.neighbour(index: 2, [1, 2, 3, 4], ntf: 8), nl.address(family: 16, index: 2, [1], prefix: 8))
    #expect(harness.counter("route.ignored") == 8)
    #expect(harness.counter("route.messages") == 8)
    for table in ["routes", "links", "neighbours", "addresses", "inet"] { #expect(entries(table).isEmpty) }
  }

  @Test func lookups() {
    input(nl.route(Self.a, prefix: 16, interface: 2))
    input(
      nl.route(type: 26, [10, 1, 2, 3], prefix: 32, flags: 1), nl.route(type: 26, [10, 2, 2, 3], prefix: 32, flags: 1),
      nl.route(type: 26, family: 10, [UInt8](repeating: 1, count: 16), prefix: 128, flags: 1),
      // Dumps, and what asks for no destination.
      nl.route(type: 26, [10, 2, 2, 3], prefix: 32, flags: 0x301), nl.route(type: 26, nil, prefix: 0, flags: 1))
    #expect(
      harness.counters("route") == ["messages": 6, "newroute": 1, "getroute": 5, "adds": 1, "lookups": 3, "misses": 2])
  }

  // MARK: Links, addresses, neighbours

  @Test func linksKeepWhatIsNotSaid() throws {
    input(nl.link(index: 2, name: "eth0", mtu: 1500, address: [2, 0, 0, 0, 0, 1]))
    input(nl.link(index: 2, up: false))
    let link = try #require(entries("links").first)
    #expect(link.key == [2, 0, 0, 0])
    #expect(Array(link.value[0..<5]) == Array("eth0".utf8) + [0])
    #expect(Array(link.value[16..<22]) == [2, 0, 0, 0, 0, 1])
    #expect(link.value[48] == 6)
    #expect(Array(link.value[52..<64]) == [0x02, 0x10, 0, 0, 0xdc, 0x05, 0, 0, 1, 0, 0, 0])
    #expect(harness.counters("route") == ["messages": 2, "newlink": 2, "adds": 1, "changes": 1])
  }

  @Test func withALinkGoesWhatDependsOnIt() {
    for index in [2, 3] {
      input(
        nl.link(index: index, name: "eth\(index)"), nl.address(index: index, [10, UInt8(index), 0, 1], prefix: 16),
        nl.neighbour(index: index, [10, UInt8(index), 0, 2], link: [1, 2, 3, 4, 5, 6]),
        nl.route([10, UInt8(index), 0, 0], prefix: 16, interface: index),
        nl.route([10, UInt8(index), 0, 1], prefix: 32, interface: index, table: 255, kind: 2),
        nl.route(family: 10, [UInt8](repeating: 0xfe, count: 16), prefix: 64, interface: index, metric: 256),
        nl.route([10, 9, 0, 0], prefix: 16, interface: index, metric: index))
    }
    #expect(selected() == ["10.2.0.0/16 > link 2 m0 t1", "10.3.0.0/16 > link 3 m0 t1", "10.9.0.0/16 > link 2 m2 t1"])
    input(nl.link(type: 17, index: 2))
    #expect(entries("links").map { $0.key[0] } == [3])
    #expect(entries("addresses").count == 1)
    #expect(entries("neighbours").count == 1)
    #expect(entries("routes").count == 4)
    #expect(selected() == ["10.3.0.0/16 > link 3 m0 t1", "10.9.0.0/16 > link 3 m3 t1"])
    #expect(entries("inet6").map { $0.value[16] } == [3])
    input(nl.link(type: 17, index: 2))
    #expect(harness.counter("route.deletes") == 1)
    #expect(harness.counter("route.absent") == 1)
  }

  @Test func aLinkThatGoesDownLosesItsIPv4Routes() {
    input(
      nl.link(index: 2, name: "eth0"), nl.route(Self.a, prefix: 16, interface: 2),
      nl.route([10, 1, 0, 1], prefix: 32, interface: 2, table: 255, kind: 2),
      nl.route(family: 10, [UInt8](repeating: 0xfe, count: 16), prefix: 64, interface: 2),
      nl.route(nil, prefix: 0, interface: 3))
    input(nl.link(index: 2))
    #expect(selected().count == 2)
    input(nl.link(index: 2, up: false))
    #expect(selected() == ["0.0.0.0/0 > link 3 m0 t1"])
    #expect(entries("inet6").count == 1)
    #expect(entries("routes").count == 3)
  }

  @Test func manySharedPrefixesAreSelectedAgain() {
    // More than one sweep collects.
    for index in 0..<100 {
      for link in [2, 3] { input(nl.route([10, UInt8(index), 0, 0], prefix: 16, interface: link, metric: link)) }
    }
    #expect(selected().allSatisfy { $0.hasSuffix("link 2 m2 t1") })
    input(nl.link(type: 17, index: 2))
    #expect(selected().count == 100)
    #expect(selected().allSatisfy { $0.hasSuffix("link 3 m3 t1") })
    #expect(entries("shared").isEmpty)
  }

  @Test func addresses() throws {
    input(nl.address(index: 2, [10, 0, 0, 1], prefix: 24, local: [10, 0, 0, 1]))
    input(nl.address(index: 2, [10, 0, 0, 1], prefix: 16))
    input(nl.address(index: 2, [10, 0, 0, 9], prefix: 32, local: [10, 0, 0, 8]))
    input(nl.address(family: 10, index: 2, [UInt8](repeating: 1, count: 16), prefix: 64))
    #expect(entries("addresses").count == 4)
    let peer = try #require(entries("addresses").first { $0.key[3] == 8 })
    #expect(Array(peer.value[0..<4]) == [10, 0, 0, 9])
    #expect(Array(peer.key[16..<24]) == [2, 0, 0, 0, 4, 32, 0, 0])
    input(nl.address(type: 21, index: 2, [10, 0, 0, 1], prefix: 24, local: [10, 0, 0, 1]))
    input(nl.address(type: 21, index: 2, [10, 0, 0, 1], prefix: 8))
    #expect(entries("addresses").count == 3)
    #expect(
      harness.counters("route") == ["messages": 6, "newaddr": 4, "deladdr": 2, "adds": 4, "deletes": 1, "absent": 1])
  }

  @Test func neighbours() throws {
    input(nl.neighbour(index: 2, [10, 0, 0, 2], link: [1, 2, 3, 4, 5, 6]))
    input(nl.neighbour(index: 2, [10, 0, 0, 2], link: [1, 2, 3, 4, 5, 7], state: 4))
    let entry = try #require(entries("neighbours").first)
    #expect(Array(entry.key[0..<4]) == [10, 0, 0, 2])
    #expect(Array(entry.key[16..<24]) == [2, 0, 0, 0, 4, 0, 0, 0])
    #expect(Array(entry.value[0..<6]) == [1, 2, 3, 4, 5, 7])
    #expect(Array(entry.value[32..<40]) == [6, 0, 0, 0, 4, 0, 0, 0])
    input(nl.neighbour(type: 29, index: 3, [10, 0, 0, 2]), nl.neighbour(type: 29, index: 2, [10, 0, 0, 2]))
    #expect(entries("neighbours").isEmpty)
    #expect(
      harness.counters("route") == [
        "messages": 4, "newneigh": 2, "delneigh": 2, "adds": 1, "changes": 1, "deletes": 1, "absent": 1,
      ])
  }

  @Test func stateSurvivesASwap() throws {
    input(nl.route(Self.a, prefix: 16, via: Self.gateway, interface: 2))
    try harness.reload("route")
    #expect(selected() == ["10.1.0.0/16 > 192.0.2.1 2 m0 t1"])
    input(nl.route(type: 25, Self.a, prefix: 16, via: Self.gateway, interface: 2))
    #expect(selected().isEmpty)
  }
}
