import CNetISR
import NetISR
import Testing
import TestSupport

/// route's ring of changes, and those who get every change as a packet.
@Suite struct RouteChangeTests {
  let harness: Harness
  let nl = RouteMessages()

  init() throws { harness = try Harness(plugins: ["route"]) }

  func input(_ messages: [UInt8]...) { harness.input(NETISR_ROUTE, messages.flatMap { $0 }) }

  /// "sequence subject change prefix-length" of each change that is kept, in order.
  func changes() -> [String] {
    let entries = harness.engine.tableEntries(of: "route.changes", vnet: 0) ?? []
    func sequence(_ value: [UInt8]) -> UInt64 { value.number(at: 0) }
    return entries.map(\.value).sorted { sequence($0) < sequence($1) }.map { value in
      let subject: UInt16 = value.number(at: 124)
      return "\(sequence(value)) \(subject) \(value[126]) \(value[128])"
    }
  }

  @Test func everyChangeIsKeptOnce() {
    input(nl.link(index: 2, name: "eth0"), nl.address(index: 2, [10, 0, 0, 1], prefix: 24))
    input(nl.route([10, 1, 0, 0], prefix: 16, via: [10, 0, 0, 9], interface: 2))
    input(nl.route([10, 1, 0, 0], prefix: 16, via: [10, 0, 0, 8], interface: 2, flags: 0x100))
    input(nl.neighbour(index: 2, [10, 0, 0, 9], link: [1, 2, 3, 4, 5, 6]))
    input(nl.route(type: 25, [10, 2, 0, 0], prefix: 16, interface: 2), nl.route([9, 0, 0, 0], prefix: 8, flags: 5))
    input(nl.link(index: 2, up: false))
    #expect(changes() == ["1 16 1 0", "2 20 1 24", "3 24 1 16", "4 24 2 16", "5 28 1 0", "6 16 2 0", "7 24 4 0"])
  }

  @Test func aRouteWithSeveralNextHopsIsSeveralChanges() {
    let hops = [
      RouteMessages.Hop(gateway: [10, 0, 0, 1], interface: 2), .init(gateway: [10, 0, 0, 2], interface: 3),
    ]
    input(nl.route([10, 1, 0, 0], prefix: 16, hops: hops), nl.route(type: 25, [10, 1, 0, 0], prefix: 16, hops: hops))
    #expect(changes() == ["1 24 1 16", "2 24 1 16", "3 24 3 16", "4 24 3 16"])
  }

  @Test func theRingIsBounded() {
    for number in 0..<5000 {
      input(nl.route([10, UInt8(number % 200), 0, 0], prefix: 16, interface: 2, metric: number))
    }
    let kept = changes()
    #expect(kept.count == 4096 && kept.first?.hasPrefix("905 ") == true && kept.last?.hasPrefix("5000 ") == true)
    #expect(harness.engine.tableEntries(of: "route.changed", vnet: 0)?.first?.value.number(at: 0) == 5000 as UInt64)
  }

  @Test func numbersGoOnAfterASwap() throws {
    input(nl.route([10, 1, 0, 0], prefix: 16, interface: 2))
    try harness.reload("route")
    input(nl.route(type: 25, [10, 1, 0, 0], prefix: 16, interface: 2))
    #expect(changes() == ["1 24 1 16", "2 24 3 16"])
  }

  // MARK: Subscribers

  /// A plugin that has all changes handed to it: the operator would drop it into the folder.
  func subscribe(_ proto: UInt32) throws {
    let opened = harness.engine.withAttachedThread {
      harness.engine.withRegistration(of: PluginIdentity(name: "listener", stateVersion: 1)) { () -> Int32 in
        "shared.route_subscribers".withCString { name in
          var spec = table_spec()
          spec.ts_name = name
          spec.ts_kind = UInt32(TABLE_HASH)
          spec.ts_keysize = 4
          spec.ts_valuesize = 8
          spec.ts_maxentries = UInt32(NETISR_MAXPROT)
          var table: OpaquePointer?
          let error = table_open(&spec, &table)
          guard error == 0 else { return error }
          var (key, value) = (proto, UInt64(0))
          return table_insert(table, 0, &key, &value)
        }
      }
    }
    try #require(opened == 0)
  }

  @Test func subscribersGetEveryChangeAsItsMessage() throws {
    try subscribe(UInt32(NETISR_IGMP))  // the harness records what comes for it
    let (link, route) = (nl.link(index: 2, name: "eth0"), nl.route([10, 1, 0, 0], prefix: 16, interface: 2))
    input(link, route, nl.route(type: 25, [10, 2, 0, 0], prefix: 16, interface: 2))
    input(nl.route([10, 3, 0, 0], prefix: 16, interface: 2, flags: 5), route)
    harness.drain()
    let packets = harness.delivered(to: NETISR_IGMP)
    #expect(packets.map(\.bytes) == [link, route, route])
    #expect(packets.allSatisfy { $0.interfaceIndex == harness.interface.pointee.if_index && $0.time == 1_000_000_000 })
    #expect(harness.counter("route.lost") == 0)
    #expect(harness.mbufsInFlight == 0)
  }

  @Test func aSlowSubscriberIsToldHowManyItLost() throws {
    try subscribe(UInt32(NETISR_IGMP))
    for number in 0..<300 { input(nl.route([10, 1, 0, 0], prefix: 16, interface: 2, metric: number)) }
    // Its queue has room for 256.
    #expect(harness.counter("route.lost") == 44)
    let lost =
      harness.engine.tableEntries(of: "shared.route_subscribers", vnet: 0)?.first?.value.number(at: 0) as UInt64?
    #expect(lost == 44)
    harness.drain()
    #expect(harness.delivered(to: NETISR_IGMP).count == 256)
    #expect(harness.counter("route.adds") == 300)
  }

  @Test func whoIsGoneIsNotHandedAnything() throws {
    try subscribe(12)
    input(nl.route([10, 1, 0, 0], prefix: 16, interface: 2))
    #expect(harness.counter("route.lost") == 0 && harness.counter("route.adds") == 1)
  }
}
