import Foundation
import TestSupport
import Testing

/// Two vnets with the same addresses, each with a kernel of its own at the other end of its link.
@Suite(.enabled(if: NetworkNamespace.obstacle == nil, "skipped: \(NetworkNamespace.obstacle ?? "")"), .serialized)
struct LiveVnetTests {
  /// Runs `body` with a host that is 10.9.0.2 on two links, and the namespaces in which the links' other ends are
  /// 10.9.0.1: that of vnet 0, and that of vnet 1.
  static func with(_ body: (_ live: LiveBench, _ far: [NetworkNamespace]) throws -> Void) throws {
    let others = [try NetworkNamespace(), try NetworkNamespace()]
    try LiveBench.with(
      plugins: ["ether", "arp", "ip", "route", "udpecho"],
      [
        "--dispatch", "deferred", "--interface", "packet:near0?inet=10.9.0.2/24", "--interface",
        "packet:near1?inet=10.9.0.2/24&vnet=1",
      ],
      prepare: { namespace in
        for (index, other) in others.enumerated() {
          try namespace.ip("link add near\(index) type veth peer name far\(index)")
          _ = try namespace.output(of: "sysctl -q net.ipv6.conf.near\(index).disable_ipv6=1")
          try namespace.ip("link set far\(index) netns \(other.name)")
          try namespace.ip("link set near\(index) up")
          _ = try other.output(of: "sysctl -q net.ipv6.conf.far\(index).disable_ipv6=1")
          try other.ip("link set far\(index) up")
          try other.ip("addr add 10.9.0.1/24 dev far\(index)")
        }
      }
    ) { live in
      #expect(try eventually { try live.counter("arp", "txannounces") >= 2 })
      try body(live, others)
    }
  }

  /// Where a namespace's kernel thinks that 10.9.0.2 is.
  private static func link(_ namespace: NetworkNamespace) throws -> String {
    _ = try namespace.output(of: "ping -q -c 1 -W 1 10.9.0.2")
    return try namespace.output(of: "ip neigh show 10.9.0.2")
  }

  private static func address(_ live: LiveBench, _ interface: String) throws -> String {
    try #require(try live.interface(interface)["address"] as? String)
  }

  /// The host's neighbours in a vnet.
  private static func neighbours(_ live: LiveBench, _ vnet: Int) throws -> [String] {
    let rows = try live.host.ask("table show arp.neighbours --vnet \(vnet) --json").object()["rows"] as? [[String: Any]]
    return (rows ?? []).compactMap { ($0["key"] as? [String: Any])?["address"] as? String }
  }

  @Test func theSameAddressesAreApart() throws {
    try Self.with { live, far in
      for index in 0...1 {
        #expect(try Self.link(far[index]).contains(Self.address(live, "near\(index)")))
        #expect(try Self.neighbours(live, index) == ["10.9.0.1"])
      }
      let list = try live.host.ask("vnet list --json").object()["vnets"] as? [[String: Any]] ?? []
      #expect(list.map { $0["vnet"] as? Int } == [0, 1])
      #expect(list.map { $0["interfaces"] as? [String] } == [["near0"], ["near1"]])
      #expect(list.allSatisfy { $0["protocols"] as? [String] == ["arp", "ether", "ip", "route", "udpecho"] })

      for vnet in 0...1 { #expect(try live.host.ask("route add 198.51.100.0/24 blackhole --vnet \(vnet)").status == 0) }

      // Of the one that goes nothing is left.
      #expect(try live.host.ask("vnet delete 1").error.contains("remove near1 first"))
      #expect(try live.host.ask("vnet delete 0").error.contains("the host's own"))
      #expect(try live.host.ask("if remove near1").status == 0)
      #expect(try live.host.ask("vnet delete 1").status == 0)
      #expect(try live.host.ask("vnet delete 1").error.contains("there is no vnet 1"))
      #expect(try live.host.ask("vnet create 1").status == 0)
      #expect(try live.host.ask("vnet create 1").error.contains("is there already"))
      #expect(try live.host.ask("vnet delete 1").status == 0)
      #expect(try Self.neighbours(live, 1) == [] && Self.neighbours(live, 0) == ["10.9.0.1"])
      #expect(try live.host.ask("route get 198.51.100.1 --vnet 0").output.contains("blackhole"))
      #expect(try live.host.ask("route get 198.51.100.1 --vnet 1").output.contains("no route"))
      #expect(try live.host.ask("vnet list --json").object()["vnets"].map { ($0 as? [Any])?.count } == 1)
    }
  }

  /// Sends a datagram. Nobody is at its port: that the host has said so of one before is what the socket says first.
  private static func send(_ bytes: [UInt8], by socket: KernelUDP) throws {
    for _ in 0..<10 where (try? socket.send(bytes)) != nil { return }
    try socket.send(bytes)
  }

  @Test func disablingInOneLeavesTheOther() throws {
    try Self.with { live, far in
      for index in 0...1 { #expect(try Self.link(far[index]).contains("lladdr")) }
      // Discarded: about a port that nobody has, the sender would be told.
      let sockets = try far.map { try KernelUDP(in: $0, port: 9) }
      func total() throws -> Int { try live.counter("ip", "total") }
      func refused() throws -> Int {
        let balance = try live.host.ask("stat --json").object()["conservation"] as? [String: Any]
        let dropped = balance?["dropped"] as? [String: Int] ?? [:]
        return (dropped["vnet"] ?? 0) + (dropped["purged"] ?? 0)
      }
      @Sendable func send(_ count: Int) throws {
        for number in 0..<count {
          for socket in sockets { try Self.send(KernelUDP.pattern(40, seed: number), by: socket) }
        }
      }
      var before = try total()
      try send(100)
      #expect(try eventually { try total() == before + 200 })

      // In the midst of it: what waits in vnet 1 is dropped, in vnet 0 nothing.
      before = try total()
      let thread = Thread { try? send(100) }
      thread.start()
      #expect(try live.host.ask("vnet disable ip 1").status == 0)
      #expect(try eventually { try thread.isFinished && total() + refused() == before + 200 })
      let list = try live.host.ask("vnet list --json").object()["vnets"] as? [[String: Any]] ?? []
      #expect(list.map { $0["disabled"] as? [String] } == [[], ["ip"]])
      let lost = try refused()
      before = try total()
      try send(100)
      #expect(try eventually { try refused() == lost + 100 })
      #expect(try total() == before + 100)
      // Everything else goes on there.
      try far[1].ip("neigh flush all")
      #expect(try Self.link(far[1]).contains("lladdr"))

      // What the operator has disabled stays so when the plugin is loaded anew.
      #expect(try live.host.ask("unload ip").status == 0)
      let file = live.bench.plugins + "/ip.so"
      #expect(try live.host.ask("load \(file)").status == 0)
      let again = try live.host.ask("vnet list --json").object()["vnets"] as? [[String: Any]] ?? []
      #expect(again.map { $0["disabled"] as? [String] } == [[], ["ip"]])

      #expect(try live.host.ask("vnet enable ip 1").status == 0)
      before = try total()
      let after = try refused()
      try send(100)
      #expect(try eventually { try total() == before + 200 })
      #expect(try refused() == after)
      #expect(try live.host.ask("vnet disable ipp 1").error.contains("did you mean 'ip'?"))
      #expect(try live.host.ask("vnet disable ip 300").error.contains("expected 0 to 255"))
    }
  }
}
