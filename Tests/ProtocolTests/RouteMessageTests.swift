import CNetISR
import NetISR
import Testing
import TestSupport

/// route: messages and attributes, well formed and not.
@Suite struct RouteMessageTests {
  let harness: Harness
  let nl = RouteMessages()

  init() throws { harness = try Harness(plugins: ["route"]) }

  func count(_ table: String) -> Int { harness.engine.tableEntries(of: "route." + table, vnet: 0)?.count ?? 0 }

  @Test func everyTypeHasItsCounter() {
    let types = [
      1: "noop", 2: "error", 3: "done", 4: "overrun", 16: "newlink", 17: "dellink", 18: "getlink", 19: "setlink",
      20: "newaddr", 21: "deladdr", 22: "getaddr", 24: "newroute", 25: "delroute", 26: "getroute", 28: "newneigh",
      29: "delneigh", 30: "getneigh", 32: "newrule", 33: "delrule", 34: "getrule", 80: "newnetconf", 81: "delnetconf",
      82: "getnetconf", 36: "other", 0: "other", 65535: "other",
    ]
    var packet: [UInt8] = []
    for (type, _) in types { packet += nl.message(type, flags: 0x301, [0, 0, 0, 0, 1, 2, 3, 4, 5, 6, 7, 8]) }
    harness.input(NETISR_ROUTE, packet)
    for (type, name) in types { #expect(harness.counter("route." + name) == (name == "other" ? 3 : 1), "\(type)") }
    #expect(harness.counter("route.messages") == UInt64(types.count))
    #expect(harness.counter("route.malformed") == 0)
  }

  @Test func aBigEndianHost() {
    let nl = RouteMessages(isBig: true)
    harness.input(
      NETISR_ROUTE,
      nl.link(index: 2, name: "eth0") + nl.route([10, 0, 0, 0], prefix: 8, interface: 2, metric: 7)
        + nl.message(3, [0, 0, 0, 0]))
    #expect(harness.counters("route") == ["messages": 3, "newlink": 1, "newroute": 1, "done": 1, "adds": 2])
    #expect(harness.engine.tableEntries(of: "route.inet", vnet: 0)?.first?.value[20] == 7)
  }

  @Test func lengthsOfMessages() {
    let good = nl.message(3, flags: 2, [0, 0, 0, 0])
    func header(_ length: Int) -> [UInt8] { nl.u32(length) + nl.u16(3) + nl.u16(0) + nl.u32(0) + nl.u32(0) }
    let packets: [([UInt8], messages: UInt64, malformed: UInt64)] = [
      ([], 0, 1), ([UInt8](good.prefix(15)), 0, 1), (header(16), 1, 0), (header(15), 0, 1), (header(0), 0, 1),
      (header(17), 0, 1), (header(Int(UInt32.max)), 0, 1), (header(1 << 31), 0, 1),
      (good + header(15), 1, 1), (good + [1, 2, 3], 1, 1), (good + good, 2, 0),
      // The last message's pad may be missing.
      (good + Array(nl.message(3, [1]).prefix(17)), 2, 0),
    ]
    var (messages, malformed): (UInt64, UInt64) = (0, 0)
    for (packet, more, wrong) in packets {
      harness.input(NETISR_ROUTE, packet)
      messages += more
      malformed += wrong
      #expect(harness.counter("route.messages") == messages)
      #expect(harness.counter("route.malformed") == malformed)
    }
  }

  /// A message of which every prefix is checked: cut anywhere, with a length that says so, it changes nothing, or is
  /// whole for what is left of it.
  @Test func bodiesThatAreTooShort() {
    let bodies: [(Int, fixed: Int)] = [
      (16, 16), (17, 16), (20, 8), (21, 8), (24, 12), (25, 12), (28, 12), (29, 12), (26, 12),
    ]
    var malformed: UInt64 = 0
    for (type, fixed) in bodies {
      for size in 0..<fixed {
        harness.input(NETISR_ROUTE, nl.message(type, flags: type == 26 ? 1 : 0, [UInt8](repeating: 2, count: size)))
        malformed += 1
        #expect(harness.counter("route.malformed") == malformed)
      }
    }
  }

  @Test func attributesThatDoNotFit() {
    let route = { (attributes: [UInt8]) in nl.message(24, [2, 16, 0, 0, 254, 3, 0, 1] + nl.u32(0) + attributes) }
    let hop = { (length: Int, rest: [UInt8]) in nl.u16(length) + [0, 0] + nl.u32(2) + rest }
    let wrong: [[UInt8]] = [
      route([1, 2, 3]), route(nl.u16(3) + nl.u16(1)), route(nl.u16(0) + nl.u16(1)),
      route(nl.u16(9) + nl.u16(1) + [1, 2, 3, 4]),
      route(nl.attribute(1, [10, 1])), route(nl.attribute(1, [UInt8](repeating: 1, count: 16))),
      route(nl.attribute(4, [1])),
      route(nl.attribute(5, [1, 2, 3])), route(nl.attribute(6, [])), route(nl.attribute(15, [1, 2])),
      route(nl.attribute(18, [1])), route(nl.attribute(18, nl.u16(2) + [1, 2, 3])),
      route(nl.attribute(8, nl.u16(20) + nl.u16(2) + nl.u32(1))), route(nl.attribute(8, [1])),
      route(nl.attribute(8, nl.attribute(2, [1]))),
      route(nl.attribute(9, [])), route(nl.attribute(9, [1, 2, 3])), route(nl.attribute(9, hop(7, []))),
      route(nl.attribute(9, hop(9, []))),
      route(nl.attribute(9, hop(8, []) + hop(0, []))), route(nl.attribute(9, hop(12, nl.u16(5) + nl.u16(5)))),
      route(nl.attribute(9, hop(14, nl.attribute(5, [1, 2])))),
      nl.message(24, [2, 33, 0, 0, 254, 3, 0, 1] + nl.u32(0)),
      nl.message(24, [10, 129, 0, 0, 254, 3, 0, 1] + nl.u32(0)),
      nl.link(index: 0), nl.link(index: -1), nl.link(index: 2, name: "sixteen-letters-"),
      nl.link(index: 2, address: [UInt8](repeating: 1, count: 33)),
      nl.message(16, [0, 0] + nl.u16(1) + nl.u32(2) + nl.u32(1) + nl.u32(0) + nl.attribute(3, [])),
      nl.message(16, [0, 0] + nl.u16(1) + nl.u32(2) + nl.u32(1) + nl.u32(0) + nl.attribute(18, nl.u16(8) + nl.u16(1))),
      nl.address(index: 2, [10, 0, 0], prefix: 8), nl.address(index: 0, [10, 0, 0, 1], prefix: 8),
      nl.address(index: 2, [10, 0, 0, 1], prefix: 33),
      nl.message(20, [2, 8, 0, 0] + nl.u32(2)), nl.neighbour(index: 0, [10, 0, 0, 1]), nl.neighbour(index: 2, [10]),
      nl.neighbour(index: 2, [10, 0, 0, 1], link: [UInt8](repeating: 1, count: 40)),
      nl.message(28, [2, 0, 0, 0] + nl.u32(2) + nl.u32(0)),
    ]
    for (index, message) in wrong.enumerated() {
      // What follows is read all the same.
      harness.input(NETISR_ROUTE, message + nl.message(3, [0, 0, 0, 0]))
      #expect(harness.counter("route.malformed") == UInt64(index + 1), "\(message)")
      #expect(harness.counter("route.done") == UInt64(index + 1))
    }
    for table in ["routes", "inet", "links", "addresses", "neighbours"] { #expect(count(table) == 0) }
    #expect(harness.mbufsInFlight == 0)
  }

  @Test func messagesLongerThanACluster() {
    let filler = nl.attribute(99, [UInt8](repeating: 7, count: 5000))
    let long = nl.message(
      16,
      [0, 0] + nl.u16(1) + nl.u32(2) + nl.u32(1) + nl.u32(0) + filler + nl.attribute(3, Array("eth0".utf8) + [0])
        + filler)
    harness.input(NETISR_ROUTE, long + nl.route([10, 0, 0, 0], prefix: 8, interface: 2))
    #expect(harness.counters("route") == ["messages": 2, "newlink": 1, "newroute": 1, "adds": 2])
    #expect(harness.engine.tableEntries(of: "route.links", vnet: 0)?.first?.value.prefix(4) == Array("eth0".utf8)[...])
  }

  @Test func piecesMakeNoDifference() throws {
    let packet =
      nl.link(index: 2, name: "eth0", mtu: 1500, address: [1, 2, 3, 4, 5, 6])
      + nl.address(index: 2, [10, 1, 2, 3], prefix: 16)
      + nl.route([10, 1, 0, 0], prefix: 16, via: [10, 1, 0, 1], interface: 2, metric: 3)
      + nl.neighbour(index: 2, [10, 1, 0, 1], link: [1, 2, 3, 4, 5, 7])
      + nl.route(
        [10, 2, 0, 0], prefix: 16,
        hops: [.init(gateway: [10, 1, 0, 1], interface: 2), .init(gateway: [10, 1, 0, 2], interface: 2)])
    harness.input(NETISR_ROUTE, packet)
    let tables = ["links", "addresses", "neighbours", "routes", "inet"]
    func content(_ harness: Harness) -> [[TableEntry]] {
      tables.map { name in
        (harness.engine.tableEntries(of: "route." + name, vnet: 0) ?? []).sorted {
          $0.key.lexicographicallyPrecedes($1.key)
        }
      }
    }
    for first in stride(from: 0, to: packet.count, by: 3) {
      let other = try Harness(plugins: ["route"])
      other.input(NETISR_ROUTE, packet, split: [first, 1, 2, 5])
      #expect(other.counters("route") == harness.counters("route"), "split \(first)")
      #expect(content(other) == content(harness))
      #expect(other.mbufsInFlight == 0)
    }
  }

  @Test func anyBytesWhatever() {
    let packets = [
      nl.link(index: 2, name: "eth0", mtu: 1500, address: [1, 2, 3, 4, 5, 6])
        + nl.address(index: 2, [10, 1, 2, 3], prefix: 16),
      nl.route([10, 1, 0, 0], prefix: 16, via: [10, 1, 0, 1], interface: 2, metric: 3)
        + nl.neighbour(index: 2, [10, 1, 0, 1], link: [1, 2, 3, 4, 5, 7]),
      nl.route(
        [10, 2, 0, 0], prefix: 16,
        hops: [.init(gateway: [10, 1, 0, 1], interface: 2), .init(gateway: nil, interface: 3)]),
      nl.route(
        type: 25, [10, 2, 0, 0], prefix: 16,
        hops: [.init(gateway: [10, 1, 0, 1], interface: 2), .init(gateway: nil, interface: 3)]),
      nl.route(family: 10, [UInt8](repeating: 0xfd, count: 16), prefix: 64, interface: 2, metric: 256, flags: 0x100),
      nl.route(type: 26, [10, 2, 0, 0], prefix: 32, flags: 1), nl.link(type: 17, index: 2),
      nl.link(index: 2, up: false),
      RouteMessages(isBig: true).route([10, 1, 0, 0], prefix: 16, interface: 2),
      nl.message(2, [UInt8](repeating: 0, count: 20)),
    ]
    var random = Mutator(seed: 3)
    for _ in 0..<30_000 {
      var packet = packets[random.below(packets.count)]
      random.mutate(&packet)
      harness.input(NETISR_ROUTE, packet, split: random.split(of: packet.count))
    }
    #expect(harness.mbufsInFlight == 0)
    #expect(harness.engine.conservation().isBalanced)
    // Whatever was believed, every selected route is one that is known, and the other way round.
    let known = harness.engine.tableEntries(of: "route.routes", vnet: 0) ?? []
    let prefixes = Set(
      known.filter { $0.key[36] == 254 && $0.key[37..<40] == [0, 0, 0] && $0.key[46] == 0 }.map {
        [$0.key[45], $0.key[44]] + $0.key[0..<16]
      })
    let inet = (harness.engine.tableEntries(of: "route.inet", vnet: 0) ?? []).map {
      [4, $0.key[0]] + $0.key[4..<8] + [UInt8](repeating: 0, count: 12)
    }
    let inet6 = (harness.engine.tableEntries(of: "route.inet6", vnet: 0) ?? []).map { [6, $0.key[0]] + $0.key[4..<20] }
    #expect(Set(inet + inet6) == prefixes)
  }
}
