import Foundation
import TestSupport
import Testing

/// A router of plugins between the kernels of two namespaces:
///
///     a --a0=ra-- host --rb=b0-- b        10.9.1.0/24, 2001:db8:1::/64 | 10.9.2.0/24, 2001:db8:2::/64
///
/// The host is .2 and ::2 on both links, the kernels are .1 and ::1. In the host's namespace the kernel has no addresses.
struct RouterBench {
  static let plugins = ["ether", "arp", "ip", "ip6"]

  let bench: Workbench
  let a: NetworkNamespace
  let b: NetworkNamespace
  let host: RunningHost

  /// Runs `body` with a router, and ends it in order.
  static func with(
    mtu: Int = 1500, prepare: (NetworkNamespace, NetworkNamespace) throws -> Void = { _, _ in },
    _ body: (RouterBench) throws -> Void
  ) throws {
    try Workbench.with(plugins: plugins) { bench in
      let (a, r, b) = (try NetworkNamespace(), try NetworkNamespace(), try NetworkNamespace())
      for (side, network) in [("a", 1), ("b", 2)] {
        let peer = side == "a" ? a : b
        try r.ip("link add r\(side) type veth peer name \(side)0 netns \(peer.name)")
        _ = try r.output(of: "sysctl -q net.ipv6.conf.r\(side).disable_ipv6=1")
        for (namespace, device) in [(r, "r\(side)"), (peer, "\(side)0")] {
          if side == "b" { try namespace.ip("link set \(device) mtu \(mtu)") }
          try namespace.ip("link set \(device) up")
        }
        try peer.ip("addr add 10.9.\(network).1/24 dev \(side)0")
        try peer.ip("-6 addr add 2001:db8:\(network)::1/64 dev \(side)0 nodad")
        try peer.ip("route add default via 10.9.\(network).2")
        try peer.ip("-6 route add default via 2001:db8:\(network)::2")
      }
      try prepare(a, b)
      let specs = [("ra", 1), ("rb", 2)].flatMap { device, network in
        ["--interface", "packet:\(device)?inet=10.9.\(network).2/24&inet6=2001:db8:\(network)::2/64"]
      }
      let host = try RunningHost(bench, specs, under: r.prefix)
      do {
        for name in ["net.inet.ip.forwarding", "net.inet6.ip6.forwarding"] {
          let answer = try host.ask("set \(name)=1")
          #expect(answer.status == 0, "\(answer.error)")
        }
        let router = RouterBench(bench: bench, a: a, b: b, host: host)
        // Addresses are used once nobody else was found to have them.
        #expect(try eventually { try router.pings(from: a, "10.9.2.1") && router.pings(from: a, "2001:db8:2::1") })
        try body(router)
      } catch {
        host.running.process.terminate()
        host.running.process.waitUntilExit()
        throw error
      }
      let ended = try host.end()
      #expect(ended.status == 0, "\(ended.error)")
      #expect(!ended.error.contains("leaked"), "\(ended.error)")
    }
  }

  private func pings(from namespace: NetworkNamespace, _ address: String) throws -> Bool {
    try namespace.output(of: "ping -q -c 1 -W 1 \(address)").contains(" 0% packet loss")
  }

  /// What ping(8) says in a namespace.
  func ping(from namespace: NetworkNamespace, _ arguments: String) throws -> String {
    try namespace.output(of: "ping -n \(arguments)")
  }

  /// Packets that the links or the host had no room for.
  func crowdedOut() throws -> Int {
    let interfaces = try host.ask("if stat --json").object()["interfaces"] as? [[String: Any]] ?? []
    let figures = ["kernel_dropped", "send_dropped", "no_buffers"]
    let atLinks = interfaces.reduce(0) { sum, one in sum + figures.reduce(0) { $0 + (one[$1] as? Int ?? 0) } }
    let balance = try host.ask("stat --json").object()["conservation"] as? [String: Any]
    return atLinks + ((balance?["dropped"] as? [String: Int])?["qlimit"] ?? 0)
  }

  /// Swaps a plugin for another generation of the same file.
  func swap(_ name: String) throws {
    let answer = try host.ask("reload \(name)")
    #expect(answer.status == 0, "\(answer.error)")
  }

  /// Unloads a plugin, and loads it again.
  func reload(_ name: String) throws {
    let file = bench.plugins + "/" + name + ".so"
    try FileManager.default.removeItem(atPath: file)
    #expect(try eventually { try state(name) != "serving" }, "\(name)")
    try bench.drop(Fixtures.plugin(name), as: name + ".so")
    #expect(try eventually { try state(name) == "serving" }, "\(name)")
  }

  private func state(_ name: String) throws -> String {
    let states = try host.plugins(file: name + ".so").compactMap { $0["state"] as? String }
    return states.contains("serving") ? "serving" : states.last ?? "gone"
  }
}
