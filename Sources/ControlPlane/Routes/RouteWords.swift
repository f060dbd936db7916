/// The words for the system's numbers, as ip-route(8) and ip-neighbour(8) have them.
enum RouteWords {
  /// RTN_...
  static func type(_ number: UInt32) -> String {
    let words = [
      "unspec", "unicast", "local", "broadcast", "anycast", "multicast", "blackhole", "unreachable", "prohibit",
      "throw",
      "nat",
    ]
    return Int(number) < words.count ? words[Int(number)] : "\(number)"
  }

  /// RTPROT_...
  static func origin(_ number: UInt32) -> String {
    switch number {
    case 1: "redirect"
    case 2: "kernel"
    case 3: "boot"
    case 4: "static"
    case 9: "ra"
    case 16: "dhcp"
    case UInt32(RouteDraft.origin): "operator"
    default: "\(number)"
    }
  }

  /// NUD_...
  static func state(_ bits: UInt32) -> String {
    let words = ["incomplete", "reachable", "stale", "delay", "probe", "failed", "noarp", "permanent"]
    let set = words.indices.filter { bits & 1 << UInt32($0) != 0 }.map { words[$0] }
    return set.isEmpty ? "none" : set.joined(separator: ",")
  }
}
