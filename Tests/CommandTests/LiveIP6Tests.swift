import Foundation
import TestSupport
import Testing

/// IPv6 on a link with the kernel's own stack.
@Suite(.enabled(if: NetworkNamespace.obstacle == nil, "skipped: \(NetworkNamespace.obstacle ?? "")"), .serialized)
struct LiveIP6Tests {
  private typealias Live = LiveIP6

  /// Each ping is answered, and nothing that the host says is wrong.
  @Test func pingsAreAnswered() throws {
    try Live.with { live in
      let said = try watching("far", in: live.namespace) {
        #expect(try live.namespace.pings("-c 1000 -i 0.002 -W 5 \(Live.host)") == (1000, 1000))
        // In six fragments each, both ways. The kernel's ring has 64 blocks, one for each ping: on a busy machine the
        // host may get no CPU for as long as 64 take.
        #expect(try live.namespace.pings("-c 500 -i 0.01 -s 8000 -W 5 \(Live.host)") == (500, 500))
        for size in [0, 1, 1452, 1453, 8000, 65_000, 65_527] {
          #expect(try live.namespace.pings("-c 20 -i 0.02 -W 5 -s \(size) \(Live.host)") == (20, 20), "\(size) bytes")
        }
        // A group, and an address that means something on this link only.
        // The kernel answers, too.
        let answers = try live.namespace.output(of: "ping -6 -c 4 -i 0.3 -W 5 ff02::1%far")
        #expect(answers.split(separator: "\n").filter { $0.contains("icmp_seq=1 ") }.count == 2, "\(answers)")
        let neighbour = try live.namespace.output(of: "ip -6 neigh show \(Live.host) dev far")
        let link = try live.namespace.linkAddress("near")
        #expect(neighbour.contains("lladdr \(link)"), "\(neighbour)")
        #expect(neighbour.contains("REACHABLE"), "\(neighbour)")
      }
      #expect(said.contains("echo reply"))
      for word in ["[bad", "(incorrect", "wrong", "invalid", "unknown"] {
        #expect(!said.lowercased().contains(word), "\(lines(of: said, with: word))")
      }
      let echoes = try live.counter("icmp6", "echo")
      #expect(try echoes >= 1640 && live.counter("icmp6", "reflect") == echoes)
      #expect(try live.counter("ip6", "reassembled") == 580 && live.counter("ip6", "fragmented") == 580)
      try live.expectNoLoss("near")
    }
  }

  @Test(
    .enabled(
      if: NetworkNamespace.tracerouteObstacle == nil, "skipped: \(NetworkNamespace.tracerouteObstacle ?? "")"))
  func isOneHopAway() throws {
    try Live.with { live in
      for options in ["-6", "-6 -I"] { try live.namespace.expectTrace([Live.host], options) }
      try live.expectNoLoss("near")
    }
  }

  /// The kernel is asked whether it is still there, and stays a neighbour; it asks the host, too.
  @Test func neighboursStayReachable() throws {
    try Live.with { live in
      #expect(try live.namespace.pings("-c 5 -i 0.1 -W 5 \(Live.host)") == (5, 5))
      // Heard of, then asked: five seconds later.
      let isReachable = try eventually {
        try live.host.ask("table show ip6.neighbours").output.split(separator: "\n").contains {
          $0.hasPrefix(Live.kernel + " ") && $0.split(separator: " ").contains("1")
        }
      }
      #expect(isReachable)
      #expect(try eventually { try live.counter("icmp6", "nd_advert") >= 1 })
      #expect(try live.counter("icmp6", "snd_nd_solicit") >= 1)
    }
  }

  /// The kernel had the address first: the host does not use it.
  @Test func anAddressOfTheKernelIsNotUsed() throws {
    try Live.with("?inet6=\(Live.kernel)/64") { live in
      let state = try live.addressState(Live.kernel)
      #expect(state == "4")
      #expect(try live.counter("icmp6", "duplicates") >= 1)
      #expect(try live.namespace.pings("-c 3 -i 0.2 -W 5 \(Live.kernel)") == (3, 3), "the kernel's own")
    }
  }

  /// The host had it first: the kernel finds that out.
  @Test func anAddressOfTheHostIsDefended() throws {
    try Live.with { live in
      try live.namespace.ip("-6 addr add \(Live.host)/64 dev far")
      let hasFailed = try eventually {
        try live.namespace.output(of: "ip -6 addr show dev far").contains("\(Live.host)/64 scope global dadfailed")
      }
      let shown = try live.namespace.output(of: "ip -6 addr show dev far")
      #expect(hasFailed, "\(shown)")
      #expect(try live.addressState(Live.host) == "2")
    }
  }

  /// A port that nobody has, by a socket of the kernel's.
  @Test func aPortIsUnreachable() throws {
    try Live.with { live in
      let socket = try KernelSocket6(.datagram, in: live.namespace)
      try socket.connect(to: Live.host, port: 9)
      try socket.send([1, 2, 3])
      #expect(socket.receive(8) == nil && socket.lastError == ECONNREFUSED)
      #expect(try live.counter("udp6", "noport") == 1)
    }
  }

  /// Twenty new generations while the kernel pings: none of the pings is lost.
  @Test func aSwapLosesNothing() throws {
    try Live.with { live in
      #expect(try live.namespace.pings("-c 3 -i 0.1 -W 5 \(Live.host)") == (3, 3))
      let done = DispatchGroup()
      nonisolated(unsafe) var result = (sent: 0, received: -1)
      // Not touched here until the other thread is done.
      nonisolated(unsafe) let namespace = live.namespace
      DispatchQueue.global().async(group: done) {
        result = (try? namespace.pings("-c 1500 -i 0.005 -W 5 \(Live.host)")) ?? (0, -1)
      }
      for number in 2...21 {
        let reloaded = try live.host.ask("reload ip6")
        try #require(reloaded.output.contains("generation \(number)"), "\(reloaded)")
      }
      done.wait()
      #expect(result == (1500, 1500))
      #expect(try live.addressState(Live.host) == "2")
    }
  }

  /// The link goes down and up: addresses are looked for anew, and used again.
  @Test func theLinkComesBack() throws {
    try Live.with { live in
      #expect(try live.namespace.pings("-c 2 -i 0.1 -W 5 \(Live.host)") == (2, 2))
      try live.namespace.ip("link set near down")
      #expect(try eventually { try live.addressState(Live.host) == nil })
      try live.namespace.ip("link set near up")
      #expect(try eventually { try live.addressState(Live.host) == "2" })
      // The kernel's address comes back, too.
      _ = try? live.namespace.ip("-6 addr add \(Live.kernel)/64 dev far nodad")
      #expect(try eventually { try live.namespace.pings("-c 1 -W 1 \(Live.host)").received == 1 })
    }
  }
}
