import Foundation
import TestSupport
import Testing

/// The kernel's routes and neighbours in a namespace, and the host's, in one form: to be equal.
struct KernelRoutes {
  let namespace: NetworkNamespace
  let host: RunningHost

  /// What a namespace has: four veth pairs, with addresses on one end of each.
  static func prepare(_ namespace: NetworkNamespace) throws {
    for index in 0..<4 {
      try namespace.ip("link add v\(index) type veth peer name p\(index)")
      try namespace.ip("link set v\(index) up")
      try namespace.ip("link set p\(index) up")
      try namespace.ip("addr add 10.\(index).0.1/16 dev v\(index)")
      try namespace.ip("addr add fd0\(index)::1/64 dev v\(index) nodad")
    }
  }

  /// Gives lines to ip(8). Those that it can't do are passed over; returns how many.
  @discardableResult
  static func batch(_ lines: [String], in namespace: NetworkNamespace, _ options: String = "") throws -> Int {
    try answers(to: lines, in: namespace, options).failed.count
  }

  /// Gives lines to ip(8): what it prints, and the places of the lines that it can't do.
  static func answers(
    to lines: [String], in namespace: NetworkNamespace, _ options: String
  ) throws -> (output: String, failed: Set<Int>) {
    let process = Process()
    process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
    process.arguments =
      ["ip", "-n", namespace.name] + options.split(separator: " ").map(String.init) + ["-force", "-batch", "-"]
    let input = Pipe()
    let files = (0..<2).map { _ in FileManager.default.temporaryDirectory.appendingPathComponent(UUID().uuidString) }
    for file in files { try Data().write(to: file) }
    defer { for file in files { try? FileManager.default.removeItem(at: file) } }
    process.standardInput = input
    process.standardOutput = try FileHandle(forWritingTo: files[0])
    process.standardError = try FileHandle(forWritingTo: files[1])
    try process.run()
    try input.fileHandleForWriting.write(contentsOf: Data(lines.map { $0 + "\n" }.joined().utf8))
    try input.fileHandleForWriting.close()
    process.waitUntilExit()
    // "Command failed -:17"
    let failures = try String(contentsOf: files[1], encoding: .utf8).split(separator: "\n").filter {
      $0.hasPrefix("Command failed")
    }.compactMap { $0.split(separator: ":").last.flatMap { Int($0) } }
    return (try String(contentsOf: files[0], encoding: .utf8), Set(failures.map { $0 - 1 }))
  }

  func kernel(_ line: String) throws -> [[String: Any]] {
    let text = try namespace.output(of: "ip \(line)")
    return try JSONSerialization.jsonObject(with: Data(text.utf8)) as? [[String: Any]] ?? []
  }

  func rows(_ table: String) throws -> [(key: [String: Any], value: [String: Any])] {
    let rows = try host.ask("table show \(table) --limit 1000000 --json").object()["rows"] as? [[String: Any]] ?? []
    return rows.map { ($0["key"] as? [String: Any] ?? [:], $0["value"] as? [String: Any] ?? [:]) }
  }

  /// A line for each next hop, as the kernel says: `ip -j route show`.
  func kernelRoutes(_ family: Int) throws -> [String] {
    try kernel("-N -j -\(family) -d route show").flatMap { route -> [String] in
      let hops = route["nexthops"] as? [[String: Any]] ?? [route]
      let mtu = (route["metrics"] as? [[String: Any]] ?? []).compactMap { $0["mtu"] as? Int }.first ?? 0
      let types = ["unicast": "1", "blackhole": "6", "unreachable": "7", "prohibit": "8"]
      let type = route["type"] as? String ?? "1"
      let metric = route["metric"] as? Int ?? 0
      let origin = "\(route["protocol"] ?? "0")"
      let prefix = Self.prefix(route["dst"] as? String ?? "", family)
      return hops.map { hop in
        let via = hop["gateway"] as? String ?? (hop["via"] as? [String: Any])?["host"] as? String ?? "-"
        return "\(prefix) \(types[type] ?? type) \(via) \(hop["dev"] ?? "-") \(metric) \(mtu) \(origin) \(hops.count)"
      }
    }.sorted()
  }

  /// The same of the host's table of routes.
  func hostRoutes(_ family: Int) throws -> [String] {
    let names = try links()
    return try rows("route.routes").filter { key, _ in
      key["family"] as? Int == family && key["table"] as? Int == 254
    }.map { key, value in
      let prefix = "\(key["destination"]!)/\(key["prefix_length"]!)"
      let via = value["gateway_family"] as? Int == 0 ? "-" : key["gateway"] as? String ?? ""
      let device = names[key["interface"] as? Int ?? 0] ?? "-"
      return
        "\(prefix) \(key["type"]!) \(via) \(device) \(key["metric"]!) \(value["mtu"]!) \(value["origin"]!) \(value["next_hops"]!)"
    }.sorted()
  }

  func links() throws -> [Int: String] {
    let pairs = try rows("route.links").map { ($0.key["index"] as? Int ?? 0, $0.value["name"] as? String ?? "") }
    return Dictionary(pairs, uniquingKeysWith: { $1 })
  }

  private static let states = ["INCOMPLETE", "REACHABLE", "STALE", "DELAY", "PROBE", "FAILED", "NOARP", "PERMANENT"]

  /// Neighbours, without those of which the kernel says nothing when it makes them: of groups.
  func kernelNeighbours() throws -> [String] {
    try kernel("-j neigh show nud all").compactMap { neighbour in
      let state = (neighbour["state"] as? [String] ?? []).joined(separator: ",")
      guard state != "NOARP", state != "NONE" else { return nil }
      return "\(neighbour["dst"]!) \(neighbour["dev"]!) \(neighbour["lladdr"] ?? "-") \(state)"
    }.sorted()
  }

  func hostNeighbours() throws -> [String] {
    let names = try links()
    return try rows("route.neighbours").compactMap { key, value in
      let bits = value["state"] as? Int ?? 0
      let state = Self.states.indices.filter { bits & 1 << $0 != 0 }.map { Self.states[$0] }.joined(separator: ",")
      guard state != "NOARP", state != "" else { return nil }
      let link = value["link_length"] as? Int == 0 ? "-" : value["link"] as? String ?? ""
      return "\(key["address"]!) \(names[key["interface"] as? Int ?? 0] ?? "-") \(link) \(state)"
    }.sorted()
  }

  /// Expects that the tables are equal, soon.
  func expectEqual(sourceLocation: SourceLocation = #_sourceLocation) throws {
    func difference(_ a: [String], _ b: [String]) -> [String] {
      Set(a).symmetricDifference(b).sorted().map { (a.contains($0) ? "kernel: " : "host: ") + $0 }
        + (a.count == b.count ? [] : ["\(a.count) and \(b.count)"])
    }
    for family in [4, 6] {
      var last: [String] = []
      let isEqual = try eventually {
        last = difference(try kernelRoutes(family), try hostRoutes(family))
        return last.isEmpty
      }
      #expect(isEqual, "routes: \(last.prefix(10))", sourceLocation: sourceLocation)
    }
    var last: [String] = []
    let isEqual = try eventually {
      last = difference(try kernelNeighbours(), try hostNeighbours())
      return last.isEmpty
    }
    #expect(isEqual, "neighbours: \(last.prefix(10))", sourceLocation: sourceLocation)
  }

  /// Expects that the host sends to addresses where the kernel does: `ip route get fibmatch`. Returns how many have a way.
  func expectSameWays(to addresses: [String], sourceLocation: SourceLocation = #_sourceLocation) throws -> Int {
    var ways = 0
    for part in stride(from: 0, to: addresses.count, by: 250) {
      let some = Array(addresses[part..<min(part + 250, addresses.count)])
      let answer = try Command.run(["route", "get", "--json", "--control", host.socket] + some).object()
      let lookups = answer["lookups"] as? [[String: Any]] ?? []
      let (text, failed) = try Self.answers(
        to: some.map { "route get fibmatch \($0)" }, in: namespace, "-N -j")
      // An array with one route for each line that it could answer.
      let known =
        try JSONSerialization.jsonObject(
          with: Data("[\(text.replacingOccurrences(of: "]\n[", with: "],["))]".utf8)) as? [[[String: Any]]]
      var answers = (known ?? []).compactMap(\.first)[...]
      #expect(lookups.count == some.count && answers.count + failed.count == some.count, sourceLocation: sourceLocation)
      for (place, (address, lookup)) in zip(some, lookups).enumerated() {
        let route = lookup["route"] as? [String: Any]
        let found = failed.contains(place) ? nil : answers.popFirst()
        guard let known = found, let destination = known["dst"] as? String else {
          let type = route?["type"] as? String ?? "none"
          #expect(
            ["none", "blackhole", "unreachable", "prohibit"].contains(type), "\(address): \(type)",
            sourceLocation: sourceLocation)
          continue
        }
        ways += 1
        let hops = known["nexthops"] as? [[String: Any]] ?? [known]
        let isOneOfThem = hops.contains {
          $0["gateway"] as? String == route?["via"] as? String && $0["dev"] as? String == route?["interface"] as? String
        }
        #expect(
          isOneOfThem && Self.prefix(destination, address.contains(":") ? 6 : 4) == route?["prefix"] as? String
            && known["metric"] as? Int ?? 0 == route?["metric"] as? Int,
          "\(address): the kernel \(known), the host \(route ?? [:])", sourceLocation: sourceLocation)
      }
    }
    return ways
  }

  private static func prefix(_ text: String, _ family: Int) -> String {
    if text == "default" { return family == 4 ? "0.0.0.0/0" : "::/0" }
    return text.contains("/") ? text : text + (family == 4 ? "/32" : "/128")
  }
}
