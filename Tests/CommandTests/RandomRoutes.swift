import TestSupport

/// Random commands for ip(8) about routes and neighbours between the devices of `KernelRoutes`, and addresses among them.
struct RandomRoutes {
  private var random: SeededGenerator
  private var used: [(family: Int, prefix: String, metric: String)] = []
  private var neighbours: Set<String> = []

  init(seed: UInt64) { random = SeededGenerator(seed: seed) }

  private mutating func pick<T>(_ items: [T]) -> T { items[Int.random(in: 0..<items.count, using: &random)] }
  private mutating func number(_ range: Range<Int>) -> Int { Int.random(in: range, using: &random) }
  private mutating func happens(_ percent: Int) -> Bool { number(0..<100) < percent }

  /// An address, IPv4's as a number.
  private mutating func address4() -> UInt32 {
    pick([0x0a00_0000, 0x0a01_0000, 0x0a02_0000, 0x0a03_0000, 0xc000_0000, 0xac10_0000])
      | UInt32(number(0..<1024)) << 6 | UInt32(number(0..<64))
  }

  private static func text(_ address: UInt32) -> String {
    [24, 16, 8, 0].map { "\(address >> $0 & 0xff)" }.joined(separator: ".")
  }

  /// The groups of an IPv6 address.
  private mutating func address6() -> [Int] { [0x2001, 0xdb8, number(0..<64), number(0..<16), 0, 0, 0, number(0..<8)] }

  private static func text(_ groups: [Int]) -> String { groups.map { String($0, radix: 16) }.joined(separator: ":") }

  /// An address of either family.
  mutating func address() -> String { happens(60) ? Self.text(address4()) : Self.text(address6()) }

  private mutating func prefix(_ family: Int) -> String {
    if happens(3) { return "default" }
    guard family == 4 else {
      let groups = pick([2, 3, 4, 6, 8])
      return Self.text(address6().enumerated().map { $0 < groups ? $1 : 0 }) + "/\(groups * 16)"
    }
    let length = pick([8, 12, 16, 20, 24, 28, 32])
    return Self.text(address4() & ~UInt32(truncatingIfNeeded: UInt64(0xffff_ffff) >> UInt64(length))) + "/\(length)"
  }

  private mutating func hop(_ family: Int) -> String {
    let (link, station) = (number(0..<4), number(2..<200))
    return family == 4
      ? "via 10.\(link).0.\(station) dev v\(link)" : "via fd0\(link)::\(String(station, radix: 16)) dev v\(link)"
  }

  /// A change of a route, and its family.
  mutating func route() -> (family: Int, line: String) {
    var (family, action) = (pick([4, 4, 6]), pick(["add", "add", "replace", "replace", "del", "del"]))
    var (prefix, metric) = ("", "")
    if action != "add", !used.isEmpty, happens(80) {
      (family, prefix, metric) = pick(used)
    } else {
      prefix = self.prefix(family)
      metric = pick(["", "", " metric 5", " metric 50", " metric 1024"])
    }
    used.append((family, prefix, metric))
    if action == "del" && happens(10) { action = "replace" }
    guard action != "del" else { return (family, "route del \(prefix)\(metric)") }
    let line =
      switch number(0..<100) {
      case ..<12: "\(pick(["blackhole", "unreachable", "prohibit"])) \(prefix)\(metric)"
      case ..<30:
        "\(prefix)\(metric)"
          + (0..<number(2..<4)).map { _ in " nexthop \(hop(family)) weight \(number(1..<4))" }.joined()
      case ..<45: "\(prefix) dev v\(number(0..<4))\(metric)"
      default:
        "\(prefix) \(hop(family))\(metric)" + (happens(30) ? " mtu \(number(1280..<1500))" : "")
          + (happens(20) ? " proto 99" : "")
      }
    return (family, "route \(action) \(line)")
  }

  /// A change of a neighbour.
  mutating func neighbour() -> String {
    let (link, station) = (number(0..<4), number(2..<60))
    let place = happens(50) ? "10.\(link).0.\(station) dev v\(link)" : "fd0\(link)::\(station) dev v\(link)"
    // Of one that is not there, ip(8) stops.
    if happens(30), neighbours.remove(place) != nil { return "neigh del \(place)" }
    neighbours.insert(place)
    let state = pick(["permanent", "reachable", "stale", "noarp"])
    return "neigh replace \(place) lladdr 02:00:00:00:00:\(String(number(16..<256), radix: 16)) nud \(state)"
  }
}
