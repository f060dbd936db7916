import CNetISR
import TestSupport
import Testing

/// ICMPv6, Neighbor Discovery and Multicast Listener Discovery.
@Suite struct ICMP6Tests {
  static let mac: [UInt8] = [2, 0, 0, 0, 0, 0xaa]
  static let otherMAC: [UInt8] = [2, 0, 0, 0, 0, 0xbb]

  static func link(_ type: UInt8, _ address: [UInt8] = mac) -> [UInt8] { [type, 1] + address }
  static let zero = [UInt8](repeating: 0, count: 4)

  static func solicitation(
    _ target: [UInt8] = IP6.linkB, options: [UInt8] = link(1), from source: [UInt8] = IP6.linkA,
    to destination: [UInt8] = IP6.solicitedB, hopLimit: UInt8 = 255, code: UInt8 = 0
  ) -> [UInt8] {
    IP6.icmp6Packet(135, zero + target + options, code: code, from: source, to: destination, hopLimit: hopLimit)
  }

  static func advertisement(
    _ target: [UInt8] = IP6.linkB, flags: UInt8 = 0x60, options: [UInt8] = link(2), to destination: [UInt8] = IP6.linkA
  ) -> [UInt8] {
    IP6.icmp6Packet(136, [flags, 0, 0, 0] + target + options, from: IP6.linkB, to: destination)
  }

  static func router(from source: [UInt8] = IP6.linkB, options: [UInt8] = link(1)) -> [UInt8] {
    IP6.icmp6Packet(
      134, [64, 0, 0, 30] + zero + zero + options, from: source, to: IP6.allNodes)
  }

  // MARK: ICMPv6

  @Test func typesAreCounted() throws {
    let types: [UInt8: String] = [
      1: "unreach", 2: "toobig", 3: "timxceed", 4: "paramprob", 128: "echo", 129: "echoreply", 139: "others",
      155: "others", 200: "others",
    ]
    for (type, name) in types {
      let counts = try ip6Counts(IP6.icmp6Packet(type, [0, 0, 0, 0]))
      #expect(counts == ["ip6.total": 1, "ip6.delivered": 1, "icmp6.\(name)": 1])
    }
    // A DIS of RPL has no more than two bytes.
    #expect(try ip6Counts(IP6.icmp6Packet(155, [0, 0]))["icmp6.others"] == 1)
  }

  @Test func aWrongChecksumIsSeen() throws {
    let packet = IP6.packet(58, IP6.echo())
    for index in 8..<packet.count where index != 7 {
      var broken = packet
      broken[index] ^= 0x10
      // Addresses are in the pseudo-header; all bits of the message are in the sum.
      #expect(try ip6Counts(broken)["icmp6.badsum"] == 1, "byte \(index)")
    }
  }

  @Test func shortMessages() throws {
    #expect(try ip6Counts(IP6.packet(58, []))["icmp6.tooshort"] == 1)
    #expect(try ip6Counts(IP6.packet(58, [128, 0, 0]))["icmp6.tooshort"] == 1)
    for (type, minimum) in [
      (1, 8), (128, 8), (129, 8), (133, 8), (134, 16), (135, 24), (136, 24), (137, 40), (130, 24), (131, 24), (132, 24),
      (143, 8),
    ] {
      let counts = try ip6Counts(IP6.icmp6Packet(UInt8(type), [UInt8](repeating: 0, count: minimum - 5)))
      #expect(counts == ["ip6.total": 1, "ip6.delivered": 1, "icmp6.tooshort": 1], "type \(type)")
    }
  }

  // MARK: Neighbor Discovery

  static let invalidDiscovery: [(String, [UInt8])] = [
    ("hop limit", solicitation(hopLimit: 254)),
    ("code", solicitation(code: 1)),
    ("multicast target", solicitation(IP6.group)),
    (":: with a link address", solicitation(from: IP6.unspecified)),
    (":: to a unicast address", solicitation(options: [], from: IP6.unspecified, to: IP6.linkB)),
    ("option of length 0", solicitation(options: [14, 0, 0, 0, 0, 0, 0, 0])),
    ("option beyond the message", solicitation(options: [1, 2] + mac)),
    ("option cut before its length", solicitation(options: link(1) + [1])),
    ("advertisement to a group for somebody", advertisement(to: IP6.allNodes)),
    ("advertisement of a group", advertisement(IP6.group)),
    ("router with a global address", router(from: IP6.globalB)),
    (
      "router solicitation from :: with a link address",
      IP6.icmp6Packet(133, zero + link(1), from: IP6.unspecified, to: IP6.allNodes)
    ),
    ("redirect by somebody global", IP6.icmp6Packet(137, zero + IP6.linkB + IP6.globalB, to: IP6.globalB)),
    ("redirect of a group", IP6.icmp6Packet(137, zero + IP6.linkB + IP6.group, from: IP6.linkB, to: IP6.globalB)),
    (
      "redirect to somebody far",
      IP6.icmp6Packet(137, zero + IP6.globalA + IP6.globalB, from: IP6.linkB, to: IP6.globalB)
    ),
    (
      "in an atomic fragment",
      IP6.packet(
        44, IP6.fragment(58, 0, more: false, Array(solicitation()[40...])), from: IP6.linkA, to: IP6.solicitedB,
        hopLimit: 255)
    ),
  ]

  @Test func invalidDiscoveryTeachesNothing() throws {
    for (name, packet) in Self.invalidDiscovery {
      let harness = try Harness(plugins: ["ip6"])
      harness.input(NETISR_IPV6, packet)
      #expect(harness.counter("icmp6.nd_bad") == 1, "\(name)")
      #expect(neighbours(harness).isEmpty, "\(name)")
    }
  }

  struct Neighbour: Equatable {
    var address: [UInt8]
    var link: [UInt8]
    var state: UInt8
    var isRouter: Bool
  }

  func neighbours(_ harness: Harness) -> [Neighbour] {
    (harness.engine.tableEntries(of: "ip6.neighbours", vnet: 0) ?? []).map { entry in
      Neighbour(
        address: Array(entry.key[..<16]), link: Array(entry.value[..<Int(entry.value[21])]), state: entry.value[20],
        isRouter: entry.value[22] == 1)
    }
  }

  @Test func tablesHaveTheirLayout() throws {
    let harness = try Harness(plugins: ["ip6"])
    let tables = Dictionary(
      uniqueKeysWithValues: harness.engine.tableList().map { ($0.name, [$0.keySize, $0.valueSize]) })
    #expect(tables["ip6.neighbours"] == [20, 32])
    #expect(tables["ip6.memberships"] == [20, 168])
    #expect(tables["ip6.reassembly"]?.first == 44)
  }

  @Test func neighboursAreLearned() throws {
    let harness = try Harness(plugins: ["ip6"])
    let (stale, reachable): (UInt8, UInt8) = (2, 1)
    // RFC 4861, 7.2.3: who solicits tells where it is.
    harness.input(NETISR_IPV6, Self.solicitation())
    #expect(neighbours(harness) == [Neighbour(address: IP6.linkA, link: Self.mac, state: stale, isRouter: false)])
    harness.input(NETISR_IPV6, Self.solicitation(options: Self.link(1, Self.otherMAC)))
    #expect(neighbours(harness).map(\.link) == [Self.otherMAC])
    // DAD tells nothing.
    harness.input(NETISR_IPV6, Self.solicitation(options: [], from: IP6.unspecified))
    #expect(neighbours(harness).count == 1)
    #expect(harness.counter("icmp6.nd_bad") == 0)

    // 7.2.5: an advertisement that was asked for.
    harness.input(NETISR_IPV6, Self.advertisement(IP6.globalB, flags: 0xe0))
    let global = { self.neighbours(harness).first { $0.address == IP6.globalB } }
    #expect(global() == Neighbour(address: IP6.globalB, link: Self.mac, state: reachable, isRouter: true))
    // Somebody else claims it, but does not override: doubt.
    harness.input(NETISR_IPV6, Self.advertisement(IP6.globalB, flags: 0x40, options: Self.link(2, Self.otherMAC)))
    #expect(global() == Neighbour(address: IP6.globalB, link: Self.mac, state: stale, isRouter: true))
    // The same without an address, solicited: it is there.
    harness.input(NETISR_IPV6, Self.advertisement(IP6.globalB, flags: 0x40, options: []))
    #expect(global() == Neighbour(address: IP6.globalB, link: Self.mac, state: reachable, isRouter: false))
    // It overrides, unasked.
    harness.input(
      NETISR_IPV6, Self.advertisement(IP6.globalB, flags: 0x20, options: Self.link(2, Self.otherMAC), to: IP6.allNodes))
    #expect(global() == Neighbour(address: IP6.globalB, link: Self.otherMAC, state: stale, isRouter: false))

    // Routers, and those they redirect to.
    harness.input(NETISR_IPV6, Self.router())
    #expect(neighbours(harness).contains(Neighbour(address: IP6.linkB, link: Self.mac, state: stale, isRouter: true)))
    let target: [UInt8] = [0xfe, 0x80] + [UInt8](repeating: 7, count: 14)
    harness.input(
      NETISR_IPV6,
      IP6.icmp6Packet(137, Self.zero + target + IP6.globalB + Self.link(2), from: IP6.linkB, to: IP6.globalA))
    #expect(neighbours(harness).contains(Neighbour(address: target, link: Self.mac, state: stale, isRouter: true)))
    harness.input(NETISR_IPV6, IP6.icmp6Packet(133, Self.zero + Self.link(1), from: IP6.linkB, to: IP6.allNodes))
    #expect(neighbours(harness).contains(Neighbour(address: IP6.linkB, link: Self.mac, state: stale, isRouter: false)))
    #expect(harness.counter("icmp6.nd_bad") == 0)
    try harness.reload("ip6")
    #expect(neighbours(harness).count == 4)
  }

  @Test func onlyListenersTakeAdvertisementsNobodyAskedFor() throws {
    let station = try IP6Station()
    station.settle()
    station.input(Self.advertisement(flags: 0x20, to: IP6.allNodes))
    #expect(neighbours(station.harness).isEmpty)
    // Who asks for this station tells where it is; then more is believed.
    station.input(Self.solicitation(IP6Station.global, from: IP6.linkB, to: IP6Station.solicited))
    #expect(neighbours(station.harness).map(\.link) == [Self.mac])
    station.input(Self.advertisement(flags: 0x20, options: Self.link(2, Self.otherMAC), to: IP6.allNodes))
    #expect(neighbours(station.harness).map(\.link) == [Self.otherMAC])
  }

  // MARK: Multicast Listener Discovery

  struct Membership: Equatable {
    var group: [UInt8]
    var mode: UInt8
    var sources: Int
  }

  func memberships(_ harness: Harness) -> [Membership] {
    (harness.engine.tableEntries(of: "ip6.memberships", vnet: 0) ?? []).map { entry in
      let sources = entry.value.withUnsafeBytes { $0.loadUnaligned(fromByteOffset: 34, as: UInt16.self) }
      return Membership(group: Array(entry.key[..<16]), mode: entry.value[32], sources: Int(sources))
    }
  }

  static let body1 = zero + IP6.group
  static let records = IP6.report([IP6.record(4, IP6.group)])

  static let invalidListening: [(String, [UInt8])] = [
    ("hop limit", IP6.listener(131, body1, hopLimit: 2)),
    ("global source", IP6.listener(131, body1, from: IP6.globalA)),
    ("a done from ::", IP6.listener(132, body1, from: IP6.unspecified)),
    ("no group", IP6.listener(131, zero + IP6.globalA)),
    ("query from ::", IP6.listener(130, zero + IP6.unspecified, from: IP6.unspecified, to: IP6.allNodes)),
    ("query of 26 bytes", IP6.listener(130, zero + IP6.unspecified + [0, 0], to: IP6.allNodes)),
    ("query for no group", IP6.listener(130, zero + IP6.globalA, to: IP6.allNodes)),
    ("query without its sources", IP6.listener(130, zero + IP6.group + [2, 60, 0, 1], to: IP6.allNodes)),
    ("query 2 without router alert", IP6.listener(130, zero + IP6.group + [2, 60, 0, 0], to: IP6.allNodes, alert: [])),
    ("report without its records", IP6.listener(143, IP6.be16(0) + IP6.be16(2) + IP6.record(4, IP6.group))),
    ("record cut", IP6.listener(143, IP6.be16(0) + IP6.be16(1) + IP6.record(4, IP6.group).dropLast())),
    ("record without its sources", IP6.listener(143, IP6.be16(0) + IP6.be16(1) + [4, 0, 0, 1] + IP6.group)),
    ("record without its auxiliary data", IP6.listener(143, IP6.be16(0) + IP6.be16(1) + [4, 1, 0, 0] + IP6.group)),
    ("record of no group", IP6.listener(143, IP6.report([IP6.record(4, IP6.globalA)]))),
    ("report 2 without router alert", IP6.listener(143, records, alert: [])),
    ("report 2 with a global source", IP6.listener(143, records, from: IP6.globalA)),
  ]

  @Test func invalidListeningTeachesNothing() throws {
    for (name, packet) in Self.invalidListening {
      let harness = try Harness(plugins: ["ip6"])
      harness.input(NETISR_IPV6, packet)
      #expect(harness.counter("icmp6.mld_bad") == 1, "\(name)")
      #expect(memberships(harness).isEmpty, "\(name)")
    }
  }

  @Test func validMessagesAreCounted() throws {
    let packets: [(String, [UInt8])] = [
      ("mld_query", IP6.listener(130, Self.zero + IP6.unspecified, to: IP6.allNodes)),
      ("mld_query", IP6.listener(130, Self.zero + IP6.group + [2, 60, 0, 1] + IP6.globalA, to: IP6.allNodes)),
      ("mld_report", IP6.listener(131, Self.body1)), ("mld_report", IP6.listener(131, Self.body1, alert: [])),
      ("mld_done", IP6.listener(132, Self.body1)), ("mld2_report", IP6.listener(143, Self.records)),
      ("mld2_report", IP6.listener(143, Self.records, from: IP6.unspecified)),
    ]
    for (name, packet) in packets {
      let counts = try ip6Counts(packet)
      #expect(counts == ["ip6.total": 1, "ip6.hopopts": 1, "ip6.delivered": 1, "icmp6.\(name)": 1])
    }
  }

  @Test func membershipsComeAndGo() throws {
    let harness = try Harness(plugins: ["ip6"])
    let other: [UInt8] = [0xff, 0x35] + [UInt8](repeating: 5, count: 14)
    let everybody = Membership(group: IP6.group, mode: 2, sources: 0)
    func report(_ type: UInt8, _ group: [UInt8], _ sources: [[UInt8]] = []) {
      harness.input(NETISR_IPV6, IP6.listener(143, IP6.report([IP6.record(type, group, sources)])))
    }
    harness.input(NETISR_IPV6, IP6.listener(131, Self.body1))
    #expect(memberships(harness) == [everybody])
    harness.input(NETISR_IPV6, IP6.listener(132, Self.body1))
    #expect(memberships(harness).isEmpty)

    for type in [UInt8(2), 4] {
      report(type, IP6.group)
      #expect(memberships(harness) == [everybody])
      report(3, IP6.group)
      #expect(memberships(harness).isEmpty)
    }
    // Sources: allowed twice is allowed once; blocked, all of them, is left.
    report(5, other, [IP6.globalA])
    report(5, other, [IP6.globalA])
    report(5, other, [IP6.globalB, IP6.globalA])
    #expect(memberships(harness) == [Membership(group: other, mode: 1, sources: 2)])
    report(6, other, [IP6.globalA])
    #expect(memberships(harness) == [Membership(group: other, mode: 1, sources: 1)])
    report(6, other, [IP6.globalA, IP6.globalB])
    #expect(memberships(harness).isEmpty)
    // More sources than are known by name.
    let many = (0..<12).map { [UInt8](repeating: 0x20, count: 15) + [UInt8($0)] }
    report(3, other, many)
    #expect(memberships(harness) == [Membership(group: other, mode: 1, sources: 12)])
    report(6, other, many)
    report(1, other)
    #expect(memberships(harness).isEmpty)
    // A block of what nobody has, an unknown type: nothing.
    report(6, IP6.group, [IP6.globalA])
    report(9, IP6.group)
    #expect(memberships(harness).isEmpty)
    // Several records, with auxiliary data; and what nobody confirms dies.
    harness.input(
      NETISR_IPV6,
      IP6.listener(
        143,
        IP6.report([IP6.record(4, IP6.group, [], auxiliary: [1, 2, 3, 4]), IP6.record(5, other, [IP6.globalA])])))
    #expect(memberships(harness).count == 2)
    harness.input(NETISR_IPV6, IP6.listener(131, Self.zero + IP6.allReports), time: 300_000_000_000)
    #expect(memberships(harness).map(\.group) == [IP6.allReports])
    #expect(harness.counter("icmp6.mld_timeout") == 2)
    harness.advance(to: 600_000_000_000)
    #expect(memberships(harness).isEmpty && harness.counter("icmp6.mld_timeout") == 3)
    #expect(harness.counter("icmp6.mld_bad") == 0)
  }

  /// A report that no mbuf holds in one piece.
  @Test func aLongReportIsReadToItsEnd() throws {
    let harness = try Harness(plugins: ["ip6"])
    let groups = (0..<400).map { [0xff, 0x15] + [UInt8](repeating: 0, count: 12) + IP6.be16($0) }
    let packet = IP6.listener(143, IP6.report(groups.map { IP6.record(4, $0) }))
    harness.input(NETISR_IPV6, packet)
    #expect(memberships(harness).count == 400)
    harness.input(
      NETISR_IPV6, IP6.listener(143, IP6.report(groups.map { IP6.record(3, $0) })), split: [1, 47, 2000, 3])
    #expect(memberships(harness).isEmpty)
  }
}
