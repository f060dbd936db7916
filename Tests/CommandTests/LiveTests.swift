import Foundation
import TestSupport
import Testing

/// The real command at one end of a veth pair, the kernel at the other.
@Suite(.enabled(if: NetworkNamespace.obstacle == nil, "skipped: \(NetworkNamespace.obstacle ?? "")"), .serialized)
struct LiveTests {
  @Test(arguments: ["direct", "hybrid", "deferred"])
  func countsWhatTheKernelSends(dispatch: String) throws {
    try LiveBench.with(
      plugins: ["ether", "ip", "arp"], ["--dispatch", dispatch, "--interface", "packet:near"]
    ) { live in
      // In bursts that every queue has room for: it is to be exact, not fast.
      let socket = try KernelUDP(in: live.namespace)
      for burst in 1...20 {
        for number in 0..<100 { try socket.send(KernelUDP.pattern(number * 14, seed: number)) }
        #expect(try eventually { try live.counter("ip", "total") == burst * 100 })
      }
      #expect(try live.counter("ether", "total") == 2000)
      #expect(try live.counter("ip", "badsum") == 0)
      #expect(try live.figure("near", "frames") == 2000)
      #expect(try live.figure("near", "entered") == 2000)
      try live.expectNoLoss("near")
    }
  }

  /// What a live interface makes of frames is what a capture of the same frames makes of them.
  @Test(.enabled(if: has("tcpdump"), "skipped: no tcpdump")) func countsAsACaptureDoes() throws {
    let plugins = ["ether", "ip", "arp", "igmp", "ip6"]
    try LiveBench.with(plugins: plugins, ["--interface", "packet:near?monitor"]) { live in
      let file = live.bench.path + "/far.pcap"
      let tcpdump = try Command.start(
        ["-i", "far", "-Q", "out", "-U", "-B", "8192", "-Z", "root", "-w", file], under: live.namespace.prefix,
        program: "tcpdump")
      #expect(try eventually { try String(contentsOf: tcpdump.error, encoding: .utf8).contains("listening on") })
      let socket = try KernelUDP(in: live.namespace)
      for number in 0..<100 { try socket.send(KernelUDP.pattern(number * 14, seed: number)) }
      try socket.send(KernelUDP.pattern(20_000, seed: 1))
      _ = try live.namespace.output(of: "ping -q -c 20 -i 0.002 -W 1 10.9.0.2")
      // Three questions for an address that nobody has, a second apart.
      _ = try live.namespace.output(of: "ping -q -c 1 -W 5 10.9.0.3")
      let frames = 100 + 14 + 20 + 3
      #expect(try eventually { try live.figure("near", "frames") == frames })
      usleep(200_000)
      // It inherits that the test runner's threads take no signals; with -U the file is whole at any moment.
      kill(tcpdump.process.processIdentifier, SIGKILL)
      tcpdump.process.waitUntilExit()
      _ = try tcpdump.result()

      let replay = try Command.run("replay --json --plugins", live.bench.plugins, file).object()
      let captures = try #require(replay["captures"] as? [[String: Any]])
      #expect(captures.first?["packets"] as? Int == frames)
      let live = try #require(try live.host.ask("stat --json").object()["counters"] as? [String: [String: Int]])
      #expect(live == replay["counters"] as? [String: [String: Int]])
      #expect(live["ip"]?["reassembled"] == 1)
    }
  }

  @Test func answersReachTheKernel() throws {
    try LiveBench.with(plugins: [], reflector: true, ["--interface", "packet:near"]) { live in
      let socket = try KernelUDP(in: live.namespace)
      for number in 0..<500 {
        let sent = KernelUDP.pattern(number * 3 % 1473, seed: number)
        try socket.send(sent)
        #expect(socket.receive() == sent)
      }
      // As many at once as a burst takes.
      for number in 0..<256 { try socket.send(KernelUDP.pattern(100, seed: number)) }
      for number in 0..<256 { #expect(socket.receive() == KernelUDP.pattern(100, seed: number)) }
      #expect(try live.figure("near", "sent") == 756)
      #expect(try live.figure("near", "frames") == 756)
      try live.expectNoLoss("near")
    }
  }

  /// A veth pair hands over what the sender left to its device as it is: one frame that stands for many.
  @Test func whatTheSenderLeftToItsDevice() throws {
    try LiveBench.with(plugins: [], reflector: true, ["--interface", "packet:near"]) { live in
      let socket = try KernelUDP(in: live.namespace, segment: 1000)
      for round in 0..<20 {
        // The kernel of the other end checks every checksum that we made.
        let sent = KernelUDP.pattern(20_500, seed: round)
        try socket.send(sent)
        var back: [UInt8] = []
        for number in 0..<21 {
          let datagram = try #require(socket.receive())
          #expect(datagram.count == (number < 20 ? 1000 : 500))
          back += datagram
        }
        #expect(back == sent)
      }
      #expect(try live.counter("reflector", "frames") == 420)
      try live.expectNoLoss("near")
    }
  }

  /// The kernel takes a tag off on its way in; it is to be there again in what goes out.
  @Test(.enabled(if: has("tcpdump"), "skipped: no tcpdump")) func tags() throws {
    try LiveBench.with(plugins: [], reflector: true, ["--interface", "packet:near"]) { live in
      let file = live.bench.path + "/far.pcap"
      let tcpdump = try Command.start(
        ["-i", "far", "-Q", "in", "-U", "-Z", "root", "-w", file], under: live.namespace.prefix, program: "tcpdump")
      #expect(try eventually { try String(contentsOf: tcpdump.error, encoding: .utf8).contains("listening on") })
      let wire = try KernelFrames(in: live.namespace, device: "far")
      for number in 0..<50 { try wire.send(KernelFrames.udp(tag: (0x8100, UInt16(number + 0x6000)))) }
      #expect(try eventually { try live.figure("near", "sent") == 50 })
      #expect(try live.counter("reflector", "tagged") == 50)
      let answer = KernelFrames.udp(tag: (0x8100, 0x6031), isAnswer: true)
      #expect(try eventually { try Data(contentsOf: URL(fileURLWithPath: file)).range(of: Data(answer)) != nil })
      kill(tcpdump.process.processIdentifier, SIGKILL)
      tcpdump.process.waitUntilExit()
      _ = try tcpdump.result()
      #expect(try live.figure("near", "sent_bytes") == 50 * answer.count)
    }
  }

  /// 802.1ad: a type for which the packet header has no room.
  @Test func serviceTags() throws {
    try LiveBench.with(plugins: ["ether", "ip"], ["--interface", "packet:near"]) { live in
      let wire = try KernelFrames(in: live.namespace, device: "far")
      for number in 0..<50 { try wire.send(KernelFrames.udp(tag: (0x88a8, UInt16(number)))) }
      #expect(try eventually { try live.counter("ip", "total") == 50 })
      #expect(try live.counter("ether", "vlan") == 50)
      #expect(try live.counter("ether", "noproto") == 0)
      #expect(try live.figure("near", "bytes") == 50 * KernelFrames.udp(tag: (0x88a8, 0)).count)
    }
  }

  @Test func severalQueues() throws {
    try LiveBench.with(
      plugins: [], reflector: true, ["--threads", "2", "--interface", "packet:near?queues=2"]
    ) { live in
      let sockets = try (0..<40).map { try KernelUDP(in: live.namespace, port: UInt16(1000 + $0)) }
      for number in 0..<1000 {
        let sent = KernelUDP.pattern(number, seed: number)
        try sockets[number % 40].send(sent)
        #expect(sockets[number % 40].receive() == sent)
      }
      #expect(try live.counter("reflector", "frames") == 1000)
      try live.expectNoLoss("near")
      // Both took part: 40 flows are one queue's by chance once in 2^39 runs.
      let streams = try #require(try live.host.ask("stat --json").object()["workstreams"] as? [[String: Any]])
      for stream in streams {
        let work = try #require((stream["work"] as? [[String: Any]])?.first { $0["name"] as? String == "reflector" })
        #expect(work["handled"] as? Int ?? 0 > 0, "\(stream)")
      }
    }
  }

  @Test func aTapDevice() throws {
    try LiveBench.with(plugins: [], reflector: true, ["--interface", "tap:tap0?mtu=1400&queues=2"]) { live in
      try live.namespace.ip("addr add 10.8.0.1/24 dev tap0")
      try live.namespace.ip("neigh add 10.8.0.2 lladdr 02:00:00:00:00:02 dev tap0")
      #expect(try live.namespace.output(of: "ip link show tap0").contains("mtu 1400"))
      #expect(try live.state("tap0") == "up")
      #expect(try live.interface("tap0")["mtu"] as? Int == 1400)
      let ours = try #require(try live.interface("tap0")["address"] as? String)
      #expect(try !live.namespace.output(of: "ip link show tap0").contains(ours), "each end has its own address")
      let socket = try KernelUDP(in: live.namespace, to: "10.8.0.2")
      for number in 0..<300 {
        let sent = KernelUDP.pattern(number * 4, seed: number)
        try socket.send(sent)
        #expect(socket.receive() == sent)
      }
      #expect(try live.counter("reflector", "frames") == 300)
      #expect(try live.figure("tap0", "sent") == 300)
      #expect(try live.host.ask("if remove tap0").status == 0)
      #expect(try live.namespace.output(of: "ip link show tap0") == "", "it goes with the interface")
    }
  }

  @Test func throughAPair() throws {
    try LiveBench.with(
      plugins: ["epair"], reflector: true,
      [
        "--interface", "packet:near", "--interface",
        "epair:detour?inet=192.0.2.1/24&peer-inet=192.0.2.2/24&peer-vnet=3",
      ]
    ) { live in
      let socket = try KernelUDP(in: live.namespace)
      for number in 0..<200 {
        let sent = KernelUDP.pattern(number, seed: number)
        try socket.send(sent)
        #expect(socket.receive() == sent)
      }
      #expect(try live.counter("epair", "packets") == 200)
      #expect(try live.figure("detoura", "sent") == 200)
      #expect(try live.figure("detourb", "frames") == 200)
      #expect(try live.interface("detourb")["vnet"] as? Int == 3)
      #expect(try live.interface("detourb")["addresses"] as? [String] == ["192.0.2.2/24"])
    }
  }

  private static func has(_ program: String) -> Bool {
    ["/usr/bin", "/usr/sbin", "/bin", "/sbin"].contains {
      FileManager.default.isExecutableFile(atPath: "\($0)/\(program)")
    }
  }
}
