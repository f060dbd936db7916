import Foundation
import TestSupport
import Testing

/// The kernel's routes and neighbours, followed; and routes of the operator's beside them.
@Suite(.enabled(if: NetworkNamespace.obstacle == nil, "skipped: \(NetworkNamespace.obstacle ?? "")"), .serialized)
struct LiveRouteTests {
  static func with(
    _ interfaces: [String] = ["netlink:"], plugins: [String] = ["route"], _ body: (KernelRoutes) throws -> Void
  ) throws {
    try LiveBench.with(
      plugins: plugins, interfaces.flatMap { ["--interface", $0] }, prepare: { try KernelRoutes.prepare($0) }
    ) { live in try body(KernelRoutes(namespace: live.namespace, host: live.host)) }
  }

  /// Thousands of changes, in bursts, and between them pauses in which all is compared.
  @Test(arguments: [1, 2] as [UInt64]) func thousandsOfChanges(seed: UInt64) throws {
    try Self.with { routes in
      var random = RandomRoutes(seed: seed)
      var failed = 0
      for round in 0..<4 {
        // ip(8) takes a family for all lines.
        let changes = (0..<250).map { _ in random.route() }
        for family in [4, 6] {
          let lines = changes.filter { $0.family == family }.map(\.line)
          failed += try KernelRoutes.batch(lines, in: routes.namespace, "-\(family)")
        }
        failed += try KernelRoutes.batch((0..<100).map { _ in random.neighbour() }, in: routes.namespace)
        if round % 2 == 1 { try routes.expectEqual() }
      }
      // Not all is possible, but most.
      #expect(failed < 600)
      #expect(try routes.hostRoutes(4).count > 50 && routes.hostRoutes(6).count > 50)
      #expect(try routes.hostNeighbours().count > 20)
      let ways = try routes.expectSameWays(to: (0..<1000).map { _ in random.address() })
      #expect(ways > 300)
      #expect(try routes.host.figure("counters", "route", "malformed") == 0)
      #expect(try routes.host.figure("counters", "route", "full") == 0)
    }
  }

  /// Routes of one prefix and metric, in the kernel's order: the host takes the one that the kernel takes.
  @Test func routesAreInTheKernelsOrder() throws {
    try Self.with { routes in
      let prefix = "10.55.0.0/16"
      func expectSameBest(
        _ station: Int, vnet: Int = 0, sourceLocation: SourceLocation = #_sourceLocation
      ) throws {
        let kernel = try routes.namespace.output(of: "ip route get fibmatch 10.55.0.1")
        #expect(kernel.contains("via 10.1.0.\(station) "), "\(kernel)", sourceLocation: sourceLocation)
        let isSame = try eventually {
          try routes.host.ask("route get 10.55.0.1 --vnet \(vnet)").output.contains("via 10.1.0.\(station) ")
        }
        #expect(isSame, "expected 10.1.0.\(station)", sourceLocation: sourceLocation)
      }
      for (change, best) in [
        ("add \(prefix) via 10.1.0.2", 2), ("append \(prefix) via 10.1.0.3", 2),
        ("prepend \(prefix) via 10.1.0.4", 4), ("append \(prefix) via 10.1.0.5", 4),
        ("prepend \(prefix) via 10.1.0.6", 6), ("replace \(prefix) via 10.1.0.7", 7),
        ("del \(prefix) via 10.1.0.7", 4), ("del \(prefix) via 10.1.0.4", 2), ("del \(prefix) via 10.1.0.2", 3),
      ] {
        try routes.namespace.ip("route \(change)")
        try expectSameBest(best)
      }
      try routes.expectEqual()
      // Who begins to listen now is told of them in their order, too.
      try routes.namespace.ip("route prepend \(prefix) via 10.1.0.9")
      #expect(try routes.host.ask("if add netlink:late?vnet=7").status == 0)
      for station in [9, 3] {
        for vnet in [0, 7] { try expectSameBest(station, vnet: vnet) }
        try routes.namespace.ip("route del \(prefix) via 10.1.0.\(station)")
      }
      try expectSameBest(5, vnet: 7)
    }
  }

  /// Next hops of several: those that the kernel has, and each takes its share of the addresses.
  @Test(arguments: [4, 6]) func severalNextHops(family: Int) throws {
    try Self.with { routes in
      let prefix = family == 4 ? "10.56.0.0/16" : "2001:db8:56::/48"
      func hop(_ link: Int) -> String {
        "via \(family == 4 ? "10.\(link).0.9" : "fd0\(link)::9") dev v\(link)"
      }
      func hops() throws -> [Int] {
        try routes.rows("route.multipath").filter { "\($0.key["address"]!)/\($0.key["length"]!)" == prefix }
          .compactMap { $0.value["count"] as? Int }
      }
      try routes.namespace.ip(
        "-\(family) route add \(prefix) nexthop \(hop(1)) weight 1 nexthop \(hop(2)) weight 3")
      #expect(try eventually { try hops() == [2] })
      try routes.expectEqual()
      let weights = try routes.rows("route.multipath").compactMap { $0.value["weights"] as? Int }
      #expect(weights == [4])
      if family == 6 {
        try routes.namespace.ip("-6 route append \(prefix) \(hop(3))")
        #expect(try eventually { try hops() == [3] })
        try routes.expectEqual()
        // One of them alone.
        try routes.namespace.ip("-6 route del \(prefix) \(hop(1))")
        #expect(try eventually { try hops() == [2] })
        try routes.expectEqual()
      }
      try routes.namespace.ip("-\(family) route replace \(prefix) \(hop(3))")
      #expect(try eventually { try hops() == [] })
      try routes.expectEqual()
    }
  }

  /// A host that was away for longer than the kernel keeps what it has to say asks for all again.
  @Test func whatWasLostIsAskedForAgain() throws {
    try Self.with { routes in
      #expect(try routes.host.ask("route add 203.0.113.0/24 via 10.1.0.9 dev v1").status == 0)
      let pid = routes.host.running.process.processIdentifier
      // ip netns exec has become the host itself.
      kill(pid, SIGSTOP)
      var lines: [String] = []
      for number in 0..<30_000 {
        let prefix = "100.\(64 + number % 8192 / 256).\(number % 256).0/24"
        lines.append("route replace \(prefix) via 10.\(number % 4).0.\(2 + number % 100)")
      }
      try KernelRoutes.batch(lines, in: routes.namespace)
      kill(pid, SIGCONT)
      func drops() throws -> Int {
        let list = try routes.host.ask("if stat --json").object()["interfaces"] as? [[String: Any]] ?? []
        return list.first { $0["name"] as? String == "netlink" }?["kernel_dropped"] as? Int ?? 0
      }
      #expect(try eventually { try drops() > 0 })
      func kernels() throws -> [String] { try routes.hostRoutes(4).filter { !$0.contains(" 78 ") } }
      #expect(try eventually { try kernels() == routes.kernelRoutes(4) })
      #expect(try routes.kernelRoutes(4).count > 1000)
      // The operator's is nobody's to tell again.
      #expect(try routes.host.ask("route get 203.0.113.5").output.contains("via 10.1.0.9 dev v1"))
    }
  }

  @Test func theOperatorsRoutes() throws {
    try Self.with(
      ["netlink:", "packet:v0?inet=10.0.0.77/16", "epair:pair?inet=192.0.2.1/24"], plugins: ["route", "epair"]
    ) {
      routes in
      let host = routes.host
      #expect(try eventually { try !routes.links().isEmpty && routes.hostRoutes(4).count >= 4 })
      // By the network of a gateway; by a device without a kernel behind it; and nowhere.
      #expect(
        try host.ask("route add 198.51.100.0/24 via 10.0.0.5 metric 7 mtu 1400").output
          == "198.51.100.0/24 via 10.0.0.5 dev v0 metric 7 mtu 1400 origin operator\n")
      #expect(
        try host.ask("route add 198.51.101.0/24 via 192.0.2.9").output
          == "198.51.101.0/24 via 192.0.2.9 dev paira origin operator\n")
      #expect(try host.ask("route add 198.51.102.0/24 blackhole").status == 0)
      #expect(try host.ask("route add 2001:db8:7::/48 via fe80::9 dev v2").status == 0)
      #expect(try host.ask("route add 198.51.103.0/24 via 10.2.0.9").output.contains("dev v2"))
      func get(_ address: String) throws -> String {
        try host.ask("route get \(address)").output.trimmingCharacters(in: .whitespacesAndNewlines)
      }
      #expect(
        try get("198.51.100.9")
          == "198.51.100.9: 198.51.100.0/24 via 10.0.0.5 dev v0 metric 7 mtu 1400 origin operator")
      #expect(try get("198.51.101.1") == "198.51.101.1: 198.51.101.0/24 via 192.0.2.9 dev paira origin operator")
      #expect(try get("198.51.102.1") == "198.51.102.1: blackhole 198.51.102.0/24 origin operator")
      #expect(
        try get("2001:db8:7::1") == "2001:db8:7::1: 2001:db8:7::/48 via fe80::9 dev v2 metric 1024 origin operator")
      // The host's own networks come before the same prefix of the kernel's.
      #expect(try get("10.0.3.3") == "10.0.3.3: connected 10.0.0.0/16 dev v0")
      #expect(try get("10.1.3.3") == "10.1.3.3: 10.1.0.0/16 dev v1 origin kernel")
      #expect(try get("10.0.0.77") == "10.0.0.77: local, connected 10.0.0.0/16 dev v0")
      #expect(try get("8.8.8.8") == "8.8.8.8: no route" && host.ask("route get 8.8.8.8").status == 1)

      // A longer one, a change of it, and back.
      #expect(try host.ask("route add 198.51.100.128/25 via 10.0.0.6").status == 0)
      #expect(try host.ask("route replace 198.51.100.128/25 via 10.0.0.7").status == 0)
      #expect(try get("198.51.100.200").contains("via 10.0.0.7"))
      #expect(try host.ask("route delete 198.51.100.128/25").status == 0)
      #expect(try get("198.51.100.200").contains("via 10.0.0.5"))
      #expect(try host.ask("route list").output.contains("connected 192.0.2.0/24 dev paira"))

      // With an interface go its routes.
      #expect(try host.ask("if remove pair").status == 0)
      #expect(try eventually { try get("198.51.101.1") == "198.51.101.1: no route" })

      // What is wrong, in one line that says why.
      for (line, words) in [
        ("add 198.51.100.0/24 via 10.0.0.8 metric 7", "is there already"),
        ("add 198.51.100.1/24 dev v0", "bits behind"),
        ("add 10.9.0.0/16 dev eth7", "no interface 'eth7'"),
        ("add 10.9.0.0/16 via 9.9.9.9", "on no interface's network"),
        ("add 10.9.0.0/16", "expected via GATEWAY"), ("add nonsense dev v0", "expected ADDRESS/BITS"),
        ("add 10.9.0.0/16 via 10.0.0.77", "own address"), ("add 10.9.0.0/16 dev v0 mtu 20", "expected 68"),
        ("add 10.9.0.0/16 blackhole dev v0", "leads nowhere"), ("delete 198.51.100.0/24 metric 8", "no such route"),
        ("delete 10.1.0.0/16", "told by the kernel"), ("add 10.9.0.0/16 dev v0 --vnet 256", "expected 0 to 255"),
      ] {
        let result = try host.ask("route \(line)")
        #expect(
          result.status == 1 && result.complaints.count == 1 && result.error.contains(words), "\(line): \(result)")
      }
      #expect(try host.ask("route add 10.9.0.0/16 by v0").status == 64)
      #expect(try host.ask("unload route").status == 0)
      #expect(try host.ask("route add 10.9.0.0/16 dev v0").error.contains("load the route plugin"))
    }
  }

  @Test func changesAreTold() throws {
    try Self.with { routes in
      #expect(try eventually { try routes.hostRoutes(4).count >= 4 })
      let monitor = try Command.start(["route", "monitor", "--control", routes.host.socket])
      let lines = try Command.start(["route", "monitor", "--json", "--control", routes.host.socket])
      defer { for one in [monitor, lines] { kill(one.process.processIdentifier, SIGKILL) } }
      func text() throws -> String { try String(contentsOf: monitor.output, encoding: .utf8) }
      // They begin with what comes after they have.
      var state = "permanent"
      #expect(
        try eventually {
          // What does not change is not told.
          state = state == "permanent" ? "stale" : "permanent"
          try routes.namespace.ip("neigh replace 10.1.0.99 lladdr 02:00:00:00:00:63 dev v1 nud \(state)")
          return try text().contains("neighbour 10.1.0.99")
            && !String(contentsOf: lines.output, encoding: .utf8).isEmpty
        })
      try routes.namespace.ip("route add 10.77.0.0/16 via 10.1.0.2 metric 3")
      try routes.namespace.ip("route del 10.77.0.0/16")
      _ = try routes.host.ask("route add 203.0.113.0/24 via 10.1.0.9 dev v1")
      try routes.namespace.ip("addr add 10.66.0.1/24 dev v2")
      try routes.namespace.ip("link set v3 down")
      let expected = [
        "neighbour 10.1.0.99 dev v1 lladdr 02:00:00:00:00:63 ",
        "added route 10.77.0.0/16 via 10.1.0.2 dev v1 unicast metric 3",
        "deleted route 10.77.0.0/16 via 10.1.0.2 dev v1 unicast metric 3",
        "added route 203.0.113.0/24 via 10.1.0.9 dev v1 unicast", "added address 10.66.0.1/24 dev v2",
        "changed link dev v3", "routes dev v3 with the link",
      ]
      let isTold = try eventually {
        let found = try text()
        return expected.allSatisfy(found.contains)
      }
      let told = try text()
      #expect(isTold, "\(told)")
      let objects = try String(contentsOf: lines.output, encoding: .utf8).split(separator: "\n").map {
        try JSONSerialization.jsonObject(with: Data($0.utf8)) as? [String: Any]
      }
      let numbers = objects.compactMap { $0?["sequence"] as? Int }
      #expect(numbers == Array(numbers[0]..<(numbers[0] + numbers.count)), "each once, in order")

      // Who sleeps for longer than 4,096 changes is told how many are gone.
      kill(monitor.process.processIdentifier, SIGSTOP)
      let burst = (0..<6000).map { "route replace 10.88.0.0/16 via 10.1.0.\(2 + $0 % 200)" }
      try KernelRoutes.batch(burst, in: routes.namespace)
      #expect(
        try eventually {
          try routes.kernelRoutes(4).filter { $0.hasPrefix("10.88.") }
            == routes.hostRoutes(4).filter { $0.hasPrefix("10.88.") }
        })
      kill(monitor.process.processIdentifier, SIGCONT)
      #expect(try eventually { try text().contains(" changes lost\n") })
    }
  }
}
