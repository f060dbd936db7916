import Foundation
import TestSupport
import Testing

/// The host as a router between two kernels, and as a host that is told of routers.
@Suite(.enabled(if: NetworkNamespace.obstacle == nil, "skipped: \(NetworkNamespace.obstacle ?? "")"), .serialized)
struct LiveIP6RouterTests {
  /// Two namespaces, with the host in a third one between them.
  private struct Router {
    static let (here, there) = ("2001:db8:a::1", "2001:db8:b::1")
    static let (own, other) = ("2001:db8:a::ff", "2001:db8:b::ff")

    let bench: Workbench
    let a: NetworkNamespace
    let b: NetworkNamespace
    let middle: NetworkNamespace
    let host: RunningHost

    var live: LiveBench { LiveBench(bench: bench, namespace: middle, host: host) }

    static func with(hasRoutes: Bool = true, _ body: (Router) throws -> Void) throws {
      try Workbench.with(plugins: LiveIP6.plugins) { bench in
        let (a, b, middle) = (try NetworkNamespace(), try NetworkNamespace(), try NetworkNamespace())
        for (device, end) in [("toa", a), ("tob", b)] {
          try middle.ip("link add \(device) type veth peer name eth0 netns \(end.name)")
          try middle.sysctl("net.ipv6.conf.\(device).disable_ipv6=1")
          try middle.ip("link set \(device) up")
          try end.ip("link set eth0 up")
        }
        if hasRoutes {
          for (end, address, router) in [(a, here, own), (b, there, other)] {
            try end.ip("-6 addr add \(address)/64 dev eth0 nodad")
            try end.ip("-6 route add default via \(router)")
          }
        }
        let host = try RunningHost(
          bench, ["--interface", "packet:toa?inet6=\(own)/64", "--interface", "packet:tob?inet6=\(other)/64"],
          under: middle.prefix)
        let router = Router(bench: bench, a: a, b: b, middle: middle, host: host)
        do {
          #expect(try host.ask("set net.inet6.ip6.forwarding=1").status == 0)
          try router.live.waitForAddresses()
          try body(router)
        } catch {
          host.running.process.terminate()
          host.running.process.waitUntilExit()
          throw error
        }
        let ended = try host.end()
        #expect(ended.status == 0, "\(ended.error)")
      }
    }

    /// Sends so many bytes from A to B, and compares what arrives.
    func transfer(_ count: Int, port: UInt16) throws {
      let listener = try KernelSocket6(.stream, in: b)
      try listener.listen(port: port)
      let data = KernelUDP.pattern(1 << 16, seed: 3)
      let rounds = count / data.count
      let done = DispatchGroup()
      // Not touched here until the other thread is done.
      nonisolated(unsafe) let a = a
      nonisolated(unsafe) var failure: Error?
      DispatchQueue.global().async(group: done) {
        do {
          let sender = try KernelSocket6(.stream, in: a)
          try sender.connect(to: Self.there, port: port)
          for _ in 0..<rounds { try sender.send(data) }
          sender.finish()
        } catch { failure = error }
      }
      let receiver = try listener.accept()
      var received = 0
      var isSame = true
      while let bytes = receiver.receive(1 << 16), !bytes.isEmpty {
        let start = received % data.count
        let expected = data[start...] + data[..<start]
        isSame = isSame && bytes.elementsEqual(expected.prefix(bytes.count))
        received += bytes.count
      }
      done.wait()
      #expect(failure == nil && received == rounds * data.count && isSame, "\(received) bytes")
    }
  }

  @Test func packetsAreRouted() throws {
    try Router.with { router in
      let said = try watching("eth0", in: router.a) {
        #expect(try router.a.pings("-c 1000 -i 0.002 -W 5 \(Router.there)") == (1000, 1000))
        #expect(try router.b.pings("-c 20 -i 0.02 -s 20000 -W 5 \(Router.here)") == (20, 20))
        // The host is a hop on the way (what traceroute shows), and says what can't be reached.
        let hop = try router.a.output(of: "ping -6 -c 1 -W 5 -t 1 \(Router.there)")
        #expect(hop.contains("From \(Router.own)") && hop.contains("Time exceeded"), "\(hop)")
        let nowhere = try router.a.output(of: "ping -6 -c 1 -W 5 2001:db8:c::1")
        #expect(nowhere.contains("From \(Router.own)") && nowhere.contains("No route"), "\(nowhere)")
        let nobody = try router.a.output(of: "ping -6 -c 1 -W 8 2001:db8:b::77")
        #expect(nobody.contains("Address unreachable"), "\(nobody)")
      }
      for word in ["[bad", "(incorrect", "wrong", "invalid"] {
        #expect(!said.lowercased().contains(word), "\(lines(of: said, with: word))")
      }
      // The kernel takes the host for a router.
      #expect(try router.a.output(of: "ip -6 neigh show dev eth0").contains("router"))
      let forwarded = try router.live.counter("ip6", "forward")
      #expect(forwarded >= 2000)
    }
  }

  @Test func aTransferArrives() throws {
    try Router.with { router in
      try router.transfer(20 << 20, port: 5001)
      // Beyond a link that is narrower than its ends know, the sender is told.
      try router.middle.ip("link set tob mtu 1300")
      #expect(try eventually { try router.live.figure("tob", "mtu") == 1300 })
      try router.transfer(4 << 20, port: 5002)
      let route = try router.a.output(of: "ip -6 route get \(Router.there)")
      #expect(route.contains("mtu 1300"), "\(route)")
      #expect(try router.live.counter("icmp6", "snd_toobig") >= 1)
    }
  }

  /// The host's advertisements, as the kernel takes them.
  @Test func theKernelBelievesTheHost() throws {
    try Router.with(hasRoutes: false) { router in
      #expect(try router.host.ask("set net.inet6.ip6.rtadv=1").status == 0)
      for (end, network) in [(router.a, "2001:db8:a:"), (router.b, "2001:db8:b:")] {
        #expect(try eventually { try end.output(of: "ip -6 addr show dev eth0").contains("inet6 \(network)") })
        #expect(try eventually { try end.output(of: "ip -6 route show default").contains("proto ra") })
      }
      // By the addresses and the routes that they have made of it, they reach each other.
      let text = try router.b.output(of: "ip -6 -o addr show dev eth0 scope global")
      let address = try #require(text.split { $0 == " " || $0 == "/" }.first { $0.hasPrefix("2001:db8:b:") })
      for end in [router.a, router.b] {
        #expect(try eventually { try !end.output(of: "ip -6 addr show dev eth0").contains("tentative") })
      }
      #expect(try router.a.pings("-c 20 -i 0.02 -W 5 \(address)") == (20, 20))

      // A router no more, a router again, and gone: they are told each time, and need not wait half an hour for it.
      func haveDefaults(_ wanted: Bool) throws -> Bool {
        try eventually {
          try [router.a, router.b].allSatisfy {
            try $0.output(of: "ip -6 route show default").contains("proto ra") == wanted
          }
        }
      }
      #expect(try router.host.ask("set net.inet6.ip6.rtadv=0").status == 0)
      #expect(try haveDefaults(false))
      #expect(try router.host.ask("set net.inet6.ip6.rtadv=1").status == 0)
      #expect(try haveDefaults(true))
      let process = router.host.running.process
      process.terminate()
      process.waitUntilExit()
      #expect(try haveDefaults(false))
    }
  }

  /// The kernel's advertisements, as the host takes them.
  @Test func theHostBelievesARouter() throws {
    try LiveIP6.with("") { live in
      let network: [UInt8] = [0x20, 1, 0x0d, 0xb8, 0, 0x77, 0, 0]
      let times: [UInt8] = [0, 0, 0x27, 0x10, 0, 0, 0x13, 0x88, 0, 0, 0, 0]
      let prefix: [UInt8] = [3, 4, 64, 0xc0] + times + network + network.map { _ in 0 }
      let message: [UInt8] = [134, 0, 0, 0, 64, 0, 7, 8, 0, 0, 0, 0, 0, 0, 0, 0] + prefix
      try live.namespace.ip("-6 addr add 2001:db8:77::1/64 dev far nodad")
      let router = try KernelSocket6(.icmp6, in: live.namespace)
      func made() throws -> String? {
        let text = try live.host.ask("table show ip6.addresses").output
        let line = text.split(separator: "\n").first { $0.hasPrefix("2001:db8:77:") }?.split(separator: " ")
        return line.flatMap { $0[2] == "2" ? String($0[0]) : nil }
      }
      // Again and again: until the kernel may use its link-local address it sends from another, which no router has.
      let isMade = try eventually {
        try? router.send(message: message, to: "ff02::1", by: "far", in: live.namespace)
        return try made() != nil
      }
      #expect(isMade)
      let address = try #require(try made())
      #expect(try live.namespace.pings("-c 20 -i 0.02 -W 5 \(address)") == (20, 20))
      #expect(try live.host.ask("table show ip6.routers").output.contains("fe80:"))
    }
  }

  /// A switch that learns who listens shows the host's groups, by reports of both versions.
  @Test(arguments: [1, 2]) func aBridgeSeesTheGroups(version: Int) throws {
    let namespace = try NetworkNamespace()
    let often = "mcast_startup_query_interval 100 mcast_startup_query_count 20"
    do {
      try namespace.ip(
        "link add br0 type bridge mcast_snooping 1 mcast_querier 1 mcast_mld_version \(version) \(often)")
    } catch {
      Issue.record("no bridge with multicast snooping here: \(error)")
      return
    }
    try Workbench.with(plugins: LiveIP6.plugins) { bench in
      try namespace.makeLink()
      try namespace.sysctl("net.ipv6.conf.far.disable_ipv6=1")
      try namespace.ip("link set far master br0")
      try namespace.ip("link set br0 up")
      let host = try RunningHost(
        bench, ["--interface", "packet:near?inet6=\(LiveIP6.host)/64"], under: namespace.prefix)
      defer { _ = try? host.end() }
      let live = LiveBench(bench: bench, namespace: namespace, host: host)
      try live.waitForAddresses()
      let isSeen = try eventually { try namespace.output(of: "bridge mdb show dev br0").contains("ff02::1:ff00:2") }
      let groups = try namespace.output(of: "bridge mdb show dev br0")
      #expect(isSeen, "\(groups)")
      // The first query comes when the querier has an address; then the host answers in its version.
      let answered = try eventually { try live.counter("mld", "rcv_v\(version)_queries") >= 1 }
      #expect(answered)
      #expect(try eventually { try live.counter("mld", version == 1 ? "snd_v1_reports" : "snd_reports") >= 1 })
      #expect(try live.counter("icmp6", "mld_bad") == 0)
    }
  }
}
