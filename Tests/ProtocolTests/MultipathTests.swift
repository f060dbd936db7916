import CNetISR
import NetISR
import TestSupport
import Testing

/// Routes with several next hops: kept by route, used by ip and ip6.
@Suite struct MultipathTests {
  private typealias Host = IPHost
  private typealias Hop = RouteMessages.Hop
  private let nl = RouteMessages()
  private static let far: [UInt8] = [172, 16, 0, 0]
  private static let stations: [[UInt8]] = [[10, 1, 0, 20], [10, 2, 0, 20], [10, 2, 0, 21]]

  private static func packet(from source: Int, to destination: Int = 1) -> IPPacket {
    IPPacket(
      proto: 6, source: [10, 1, 0, UInt8(source)], destination: [172, 16, UInt8(destination), 1],
      payload: pattern(20))
  }

  private static func group(_ harness: Harness) -> [UInt8]? {
    harness.engine.tableEntries(of: "route.multipath", vnet: 0)?.first?.value
  }

  /// A router with a route to 172.16.0.0/12 by the stations, of these weights.
  private func router(_ weights: [UInt8] = [1, 1, 1]) throws -> Host {
    let host = try Host()
    host.set("net.inet.ip.redirect", 0)
    host.route(message(weights))
    return host
  }

  private func message(_ weights: [UInt8], type: Int = 24, flags: Int = 0x600) -> [UInt8] {
    let hops = zip(Self.stations, weights).map { Hop(gateway: $0, interface: $0[1] == 1 ? 101 : 102, weight: $1) }
    return nl.route(type: type, Self.far, prefix: 12, flags: flags, hops: hops)
  }

  /// How many of the flows each station gets.
  private func shares(_ host: Host) -> [Int] {
    var shares = [Int](repeating: 0, count: Self.stations.count)
    for source in 2..<252 {
      for destination in 1...8 {
        host.input(Self.packet(from: source, to: destination))
        let sent = host.take()
        guard sent.count == 1, let place = Self.stations.firstIndex(where: { $0 == sent[0].nextHop }) else { continue }
        let interface = Self.stations[place][1] == 1 ? host.left : host.right
        if sent[0].interfaceIndex == interface.pointee.if_index { shares[place] += 1 }
      }
    }
    return shares
  }

  /// 2,000 flows: each next hop gets its share, give or take a fifth.
  @Test(arguments: [[1, 1, 1], [1, 2, 5], [200, 100, 100]] as [[UInt8]])
  func flowsAreSharedByWeight(weights: [UInt8]) throws {
    let host = try router(weights)
    let shares = shares(host)
    #expect(shares.reduce(0, +) == 2000)
    let total = weights.reduce(0) { $0 + Int($1) }
    for (share, weight) in zip(shares, weights) {
      let expected = 2000 * Int(weight) / total
      #expect(abs(share - expected) < expected / 5, "\(shares) of \(weights)")
    }
    #expect(host.harness.mbufsInFlight == 0)
  }

  /// Packets of two stations stay together, fragments too.
  @Test func aFlowStaysOnItsWay() throws {
    let host = try router()
    for source in [2, 77, 130] {
      host.input(Self.packet(from: source))
      let first = try host.takeOne().nextHop
      var large = Self.packet(from: source)
      large.payload = pattern(4000)
      for fragment in large.fragments(of: 1480) { host.input(fragment) }
      let hops = host.take().map(\.nextHop)
      #expect(hops.count == 3 && hops.allSatisfy { $0 == first })
    }
  }

  /// A hop that can't be used now: its flows go by the others, and come back.
  @Test func aLinkIsDown() throws {
    let host = try router()
    host.left.pointee.if_flags &= ~UInt32(IFNET_UP)
    host.noteChange()
    var without = [Int](repeating: 0, count: 3)
    for source in 2..<200 {
      host.input(Self.packet(from: source).bytes, by: host.right)
      let hop = host.take().first?.nextHop
      if let place = Self.stations.firstIndex(where: { $0 == hop }) { without[place] += 1 }
    }
    #expect(without[0] == 0 && without[1] > 20 && without[2] > 20 && without.reduce(0, +) == 198, "\(without)")
    host.left.pointee.if_flags |= UInt32(IFNET_UP)
    host.noteChange()
    #expect(shares(host)[0] > 0)
  }

  /// Few flows move when a hop goes: those of the others that lie behind its part (RFC 2992).
  @Test func thePartsOfTheOthersStay() throws {
    let host = try router()
    func ways() throws -> [[UInt8]?] {
      try (2..<200).map { source in
        host.input(Self.packet(from: source))
        return try host.takeOne().nextHop
      }
    }
    let before = try ways()
    // The kernel says a change of an IPv4 route as a whole.
    host.route(message([1, 1], flags: 0x100))
    let moved = zip(before, try ways()).filter { $0 != nil && $0 != $1 }.count
    #expect(moved < 198 * 6 / 10, "\(moved)")
  }

  @Test func itIsForgottenWithItsRoute() throws {
    let host = try router()
    #expect(Self.group(host.harness)?.prefix(8) == [3, 0, 0, 0, 3, 0, 0, 0])
    // A better one takes its place, and gives it back.
    host.route(nl.route(Self.far, prefix: 12, via: Host.bob, interface: 102, flags: 0x400))
    #expect(Self.group(host.harness) == nil)
    host.input(Self.packet(from: 7))
    #expect(try host.takeOne().nextHop == Host.bob)
    host.route(nl.route(type: 25, Self.far, prefix: 12, via: Host.bob, interface: 102))
    #expect(shares(host).allSatisfy { $0 > 500 })
    host.route(message([1, 1, 1], type: 25))
    #expect(Self.group(host.harness) == nil && host.harness.tableCount("route.routes") == 0)
    host.input(Self.packet(from: 7))
    #expect(host.counter("ip.noroute") == 1)
  }

  /// The kernel says nothing of routes by a link that goes.
  @Test func itsLinkGoes() throws {
    let host = try router()
    host.route(nl.link(type: 17, index: 102, name: "right"))
    #expect(Self.group(host.harness) == nil)
    host.input(Self.packet(from: 7))
    #expect(try host.takeOne().nextHop == Self.stations[0])
    host.route(nl.link(type: 17, index: 101, name: "left"))
    #expect(host.harness.tableCount("route.inet") == 0)
  }

  /// What this host itself sends, by the address of the link that it takes.
  @Test func ownDatagramsToo() throws {
    let host = try router()
    var links: Set<UInt32?> = []
    for destination in 1...60 {
      let packet = IPPacket(
        ttl: 0, proto: 17, source: [0, 0, 0, 0], destination: [172, 16, UInt8(destination), 9], payload: pattern(9))
      host.output(packet.bytes)
      let sent = try host.takeOne()
      links.insert(sent.interfaceIndex)
      let isLeft = sent.interfaceIndex == host.left.pointee.if_index
      #expect(SentDatagram(sent).source == (isLeft ? Host.leftAddress : Host.rightAddress))
    }
    #expect(links.count == 2)
  }

  // MARK: IPv6

  private static let far6: [UInt8] = [0x20, 9] + [UInt8](repeating: 0, count: 14)
  private static func router6(_ number: UInt8) -> [UInt8] { IP6.globalA[..<15] + [number] }
  private static func link6(_ number: UInt8) -> [UInt8] { [2, 0, 0, 0, 9, number] }

  /// Flows of IPv6, and a next hop that goes alone.
  @Test func flowsOfIPv6() throws {
    let station = try IP6Station(plugins: ["ip6", "route"])
    station.interface.pointee.if_sysindex = 102
    station.set("ip6.forwarding", 1)
    station.set("ip6.redirect", 0)
    station.settle()
    for number in 1...3 as ClosedRange<UInt8> {
      station.meet(Self.router6(number), at: Self.link6(number))
    }
    func route(_ numbers: [UInt8], type: Int = 24) -> [UInt8] {
      nl.route(
        type: type, family: 10, Self.far6, prefix: 16, via: numbers.count == 1 ? Self.router6(numbers[0]) : nil,
        interface: numbers.count == 1 ? 102 : nil, metric: 1024,
        hops: numbers.count == 1 ? [] : numbers.map { Hop(gateway: Self.router6($0), interface: 102) })
    }
    func shares() -> [UInt8: Int] {
      var shares: [UInt8: Int] = [:]
      for number in 0..<300 {
        let source = IP6.globalA[..<14] + [UInt8(4 + number >> 8), UInt8(number & 0xff)]
        station.input(IP6.packet(59, [1, 2, 3], from: Array(source), to: Self.far6[..<15] + [5]))
        let frames = station.recorder.take()
        if frames.count == 1 { shares[frames[0][5], default: 0] += 1 }
      }
      return shares
    }
    // One by one, as `ip -6 route append` has it: each message tells all.
    station.harness.input(NETISR_ROUTE, route([1]))
    #expect(shares() == [1: 300])
    station.harness.input(NETISR_ROUTE, route([2, 1]))
    station.harness.input(NETISR_ROUTE, route([3, 1, 2]))
    var found = shares()
    #expect(found.count == 3 && found.values.allSatisfy { $0 > 60 } && found.values.reduce(0, +) == 300)
    for (gone, left) in [(2, [1, 3]), (1, [3])] as [(UInt8, [UInt8])] {
      station.harness.input(NETISR_ROUTE, route([gone], type: 25))
      found = shares()
      #expect(found.keys.sorted() == left && found.values.reduce(0, +) == 300)
      let entries = station.harness.engine.tableEntries(of: "route.routes", vnet: 0) ?? []
      #expect(entries.map { $0.value[40] } == left.map { _ in UInt8(left.count) })
    }
    #expect(Self.group(station.harness) == nil)
    station.harness.input(NETISR_ROUTE, route([3], type: 25))
    #expect(station.harness.tableCount("route.inet6") == 0 && station.harness.tableCount("route.routes") == 0)
  }
}
