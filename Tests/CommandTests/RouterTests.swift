import Foundation
import TestSupport
import Testing

/// Two kernels that reach each other by way of the host.
@Suite(.enabled(if: NetworkNamespace.obstacle == nil, "skipped: \(NetworkNamespace.obstacle ?? "")"), .serialized)
struct RouterTests {
  private static let far = ["10.9.2.1", "2001:db8:2::1"]

  /// Echoes of many sizes come back, each of them, and the host is a hop of the way.
  @Test func pingsPass() throws {
    try RouterBench.with { router in
      for address in Self.far {
        for size in [0, 56, 1400, 4000, 20000] {
          try router.a.expectAnswers(to: 50, "-i 0.005 -s \(size) \(address)")
        }
        let hop = try router.ping(from: router.a, "-c 1 -W 2 -t 1 \(address)")
        #expect(hop.contains(address.contains(":") ? "2001:db8:1::2" : "10.9.1.2"), "\(hop)")
        #expect(hop.lowercased().contains("time exceeded") || hop.lowercased().contains("time to live"), "\(hop)")
      }
    }
  }

  /// The host is the first of two hops, to probes of both kinds.
  @Test(
    .enabled(
      if: NetworkNamespace.tracerouteObstacle == nil, "skipped: \(NetworkNamespace.tracerouteObstacle ?? "")"))
  func tracesShowTheHost() throws {
    try RouterBench.with { router in
      // It would say no more than a few of the last hop's answers.
      try router.b.sysctl("net.ipv4.icmp_ratelimit=0")
      try router.b.sysctl("net.ipv6.icmp.ratelimit=0")
      for options in ["", "-I"] {
        try router.a.expectTrace(["10.9.1.2", "10.9.2.1"], options)
        try router.a.expectTrace(["2001:db8:1::2", "2001:db8:2::1"], "-6 \(options)")
      }
      // The host itself, by its address on the other side, is one hop.
      try router.a.expectTrace(["10.9.2.2"])
      try router.a.expectTrace(["2001:db8:2::2"], "-6")
    }
  }

  /// A smaller link behind the host: senders learn its MTU, and a transfer passes.
  @Test func pathMTUIsFound() throws {
    try RouterBench.with(mtu: 1300) { router in
      for address in Self.far {
        let said = try router.ping(from: router.a, "-c 2 -W 2 -M do -s 1350 \(address)")
        #expect(said.contains("1300"), "\(said)")
        let route = try router.a.output(of: "ip route get \(address)")
        #expect(route.contains("mtu 1300"), "\(route)")
        let transfer = try KernelTCP.start(from: router.a, to: router.b, at: address, count: 2 << 20)
        let (sent, received) = try transfer.wait(seconds: 60)
        #expect(sent.bytes >= 2 << 20 && sent == received)
      }
    }
  }

  /// While a transfer runs and pings go, each plugin is swapped 20 times: no ping is lost. Then each is unloaded and loaded
  /// again: the transfer survives, to the last byte.
  @Test(arguments: far) func swapsDisturbNobody(address: String) throws {
    try RouterBench.with { router in
      // A sanitizer makes the host ten times slower.
      let (megabytes, swaps) = CPlugin.sanitizer == nil ? (100, 20) : (10, 5)
      let transfer = try KernelTCP.start(from: router.a, to: router.b, at: address, count: megabytes << 20)
      let before = try router.a.echoReplies()
      let pings = try Command.start(["-q", "-i", "0.01", address], under: router.a.prefix, program: "ping")
      for _ in 0..<swaps {
        for plugin in RouterBench.plugins { try router.swap(plugin) }
      }
      pings.process.interrupt()
      pings.process.waitUntilExit()
      let said = try pings.result().output
      let sent = NetworkNamespace.sent(said)
      let received = try router.a.echoReplies(beyond: before, upTo: sent)
      // The transfer leaves the links no room: what that costs is counted.
      let crowdedOut = try received == sent ? 0 : router.crowdedOut()
      #expect(sent > 0 && received + crowdedOut >= sent, "\(received) of \(said)")

      let more = try KernelTCP.start(from: router.a, to: router.b, at: address, port: 5002, count: megabytes << 18)
      for plugin in RouterBench.plugins { try router.reload(plugin) }
      for (sent, received) in [try transfer.wait(seconds: 120), try more.wait(seconds: 120)] {
        #expect(sent.bytes >= megabytes << 18 && sent == received)
      }
    }
  }
}
