import Foundation
import TestSupport
import Testing

/// The host as a router between two namespaces: A has 10.1.0.2, B has 10.2.0.2, and the host 10.1.0.1 and 10.2.0.1 on links
/// of their own, in a third namespace, whose kernel has no addresses and takes no part.
struct LiveRouter {
  let a: NetworkNamespace
  let b: NetworkNamespace
  let live: LiveBench

  /// - Parameter mtu: of the link to B.
  static func with(
    plugins: [String] = ["ether", "arp", "ip"], mtu: Int = 1500, _ arguments: [String] = [],
    _ body: (LiveRouter) throws -> Void
  ) throws {
    let (a, b) = (try NetworkNamespace(), try NetworkNamespace())
    let interfaces = [
      "--interface", "packet:toa?inet=10.1.0.1/24", "--interface", "packet:tob?inet=10.2.0.1/24",
    ]
    try LiveBench.with(
      plugins: plugins, interfaces + arguments,
      prepare: { host in
        for (name, peer, end, mtu) in [("toa", a, 1, 1500), ("tob", b, 2, mtu)] {
          try host.ip("link add \(name) mtu \(mtu) type veth peer name eth0 mtu \(mtu) netns \(peer.name)")
          for (namespace, device) in [(host, name), (peer, "eth0")] {
            _ = try namespace.output(of: "sysctl -q net.ipv6.conf.\(device).disable_ipv6=1")
            try namespace.ip("link set \(device) up")
          }
          try peer.ip("addr add 10.\(end).0.2/24 dev eth0")
          try peer.ip("route add default via 10.\(end).0.1")
        }
      }
    ) { live in
      #expect(try live.host.ask("set net.inet.ip.forwarding=1").status == 0)
      // Both addresses are its own now (RFC 5227).
      #expect(try eventually { try live.counter("arp", "txannounces") >= 2 })
      try body(LiveRouter(a: a, b: b, live: live))
    }
  }

  /// What ping prints.
  func ping(_ options: String) throws -> String { try a.output(of: "ping \(options)") }
}
