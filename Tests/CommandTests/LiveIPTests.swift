import Foundation
import TestSupport
import Testing

/// ip as a station and as a router of real links, with the kernel's own stack as the judge.
@Suite(.enabled(if: NetworkNamespace.obstacle == nil, "skipped: \(NetworkNamespace.obstacle ?? "")"), .serialized)
struct LiveIPTests {
  /// The host is 10.9.0.2, the kernel 10.9.0.1.
  private static func station(
    plugins: [String] = ["ether", "arp", "ip"], _ body: (LiveBench) throws -> Void
  ) throws {
    try LiveBench.with(
      plugins: plugins, ["--interface", "packet:near?inet=10.9.0.2/24"],
      prepare: { try $0.ip("neigh del 10.9.0.2 dev far") }
    ) { live in
      #expect(try eventually { try live.counter("arp", "txannounces") >= 1 })
      try body(live)
    }
  }

  // MARK: Station

  @Test func answersPingsOfAllSizes() throws {
    try Self.station { live in
      try live.namespace.expectAnswers(to: 1000, "-i 0.005 10.9.0.2")
      // In six fragments each, both ways.
      try live.namespace.expectAnswers(to: 1000, "-i 0.002 -s 8000 10.9.0.2")
      for size in [0, 1, 7, 8, 1471, 1472, 1473, 2952, 2953, 8000, 30_000, 65_000, 65_507] {
        try live.namespace.expectAnswers(to: 20, "-i 0.01 -s \(size) 10.9.0.2")
      }
      #expect(try live.counter("icmp", "reflect") == 2000 + 13 * 20)
      #expect(try live.counter("ip", "reassembled") == 1000 + 7 * 20)
      #expect(try live.counter("ip", "fragmented") == 1000 + 7 * 20)
      try live.expectNoLoss("near")
      // Some half a minute after it was, an entry is stale, until it is used and asked for again.
      #expect(
        try eventually {
          try live.namespace.expectAnswers(to: 1, "10.9.0.2")
          return try live.namespace.output(of: "ip neigh show 10.9.0.2 dev far").contains("REACHABLE")
        })
    }
  }

  @Test(
    .enabled(
      if: NetworkNamespace.tracerouteObstacle == nil, "skipped: \(NetworkNamespace.tracerouteObstacle ?? "")"))
  func isOneHopAway() throws {
    try Self.station { live in
      for options in ["", "-I"] { try live.namespace.expectTrace(["10.9.0.2"], options) }
      try live.expectNoLoss("near")
    }
  }

  /// Records of the way, and timestamps in headers.
  @Test func theWayIsRecorded() throws {
    try Self.station { live in
      let record = try live.namespace.output(of: "ping -R -c 1 -W 2 10.9.0.2")
      #expect(record.contains("RR:") && record.contains("10.9.0.2"), "\(record)")
      let times = try live.namespace.output(of: "ping -T tsandaddr -c 1 -W 2 10.9.0.2")
      #expect(times.contains("TS:") && times.contains("10.9.0.2"), "\(times)")
    }
  }

  @Test(arguments: [true, false]) func udpEchoAndUnreachablePorts(fragments: Bool) throws {
    try Self.station(plugins: ["ether", "arp", "ip", "udpecho"]) { live in
      let socket = try KernelUDP(in: live.namespace)
      for number in 0..<200 {
        let sent = KernelUDP.pattern(fragments ? number * 327 : number * 7, seed: number)
        try socket.send(sent)
        #expect(socket.receive() == sent)
      }
      #expect(try live.counter("udpecho", "echoed") == 200)
      let discarded = try KernelUDP(in: live.namespace, port: 9)
      try discarded.send([1, 2, 3])
      #expect(try eventually { try live.counter("udpecho", "discarded") == 1 })
      let nobody = try KernelUDP(in: live.namespace, port: 4711)
      try nobody.send([1, 2, 3])
      #expect(nobody.receive() == nil && errno == ECONNREFUSED)
      #expect(try live.counter("udp", "badsum") == 0)
      try live.expectNoLoss("near")
    }
  }

  /// Protocols that nobody has are refused too: the kernel's socket is told.
  @Test func connectionsAreRefused() throws {
    try Self.station { live in
      let descriptor = try live.namespace.inside { socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0) }
      defer { close(descriptor) }
      var peer = sockaddr_in()
      peer.sin_family = sa_family_t(AF_INET)
      peer.sin_port = UInt16(80).bigEndian
      inet_pton(AF_INET, "10.9.0.2", &peer.sin_addr)
      let result = withUnsafePointer(to: &peer) {
        $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
          connect(descriptor, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
        }
      }
      // ICMP_PROT_UNREACH.
      #expect(result == -1 && errno == ENOPROTOOPT)
    }
  }

  @Test func nothingWrongIsSeenOnTheLink() throws {
    try Self.station(plugins: ["ether", "arp", "ip", "udpecho"]) { live in
      let file = live.bench.path + "/far.pcap"
      let tcpdump = try Command.start(
        ["-i", "far", "-Q", "in", "-U", "-B", "16384", "-Z", "root", "-w", file], under: live.namespace.prefix,
        program: "tcpdump")
      #expect(try eventually { try String(contentsOf: tcpdump.error, encoding: .utf8).contains("listening on") })
      for size in [0, 56, 1473, 20_000] {
        _ = try live.namespace.output(of: "ping -q -c 5 -i 0.01 -W 2 -s \(size) 10.9.0.2")
      }
      _ = try live.namespace.output(of: "ping -q -R -c 1 -W 2 10.9.0.2")
      let socket = try KernelUDP(in: live.namespace)
      for number in 0..<20 {
        try socket.send(KernelUDP.pattern(number * 200, seed: number))
        #expect(socket.receive() != nil)
      }
      let nobody = try KernelUDP(in: live.namespace, port: 4711)
      try nobody.send(KernelUDP.pattern(1000, seed: 1))
      #expect(nobody.receive() == nil && errno == ECONNREFUSED)
      // It writes what it gets at once, but gets it late.
      let read = "tcpdump -vv -n -r \(file)"
      let isThere = try eventually { try live.namespace.output(of: read).contains("udp port 4711 unreachable") }
      kill(tcpdump.process.processIdentifier, SIGKILL)
      tcpdump.process.waitUntilExit()
      _ = try tcpdump.result()
      let text = try live.namespace.output(of: read)
      #expect(isThere, "\(text.suffix(2000))")
      #expect(text.contains("echo reply"))
      let complaints = text.split(separator: "\n").filter { line in
        // What a fragment behind the first holds, tcpdump can't know.
        ["bad", "wrong", "incorrect", "truncated", "malformed", "invalid"].contains { line.contains($0) }
      }
      #expect(complaints.isEmpty, "\(complaints.prefix(5))")
    }
  }

  /// 20 swaps while pings go on.
  @Test func aSwapLosesNoPing() throws {
    try Self.station { live in
      try live.namespace.expectAnswers(to: 600, "-i 0.01 -s 3000 10.9.0.2") {
        for _ in 0..<20 {
          let result = try live.host.ask("reload ip")
          #expect(result.status == 0, "\(result.error)")
          usleep(50_000)
        }
      }
      try live.expectNoLoss("near")
    }
  }

  // MARK: Router

  @Test func isAHopOnTheWay() throws {
    try LiveRouter.with { router in
      try router.a.expectAnswers(to: 1000, "-i 0.005 10.2.0.2")
      for size in [0, 1472, 1473, 20_000, 65_507] {
        try router.a.expectAnswers(to: 10, "-i 0.01 -s \(size) 10.2.0.2")
      }
      #expect(try router.ping("-c 1 -W 2 10.2.0.2").contains("ttl=63"))
      // As traceroute sees it.
      let first = try router.ping("-c 1 -t 1 -W 2 10.2.0.2")
      #expect(first.contains("From 10.1.0.1") && first.contains("Time to live exceeded"), "\(first)")
      let second = try router.ping("-c 1 -t 2 -W 2 10.2.0.2")
      #expect(second.contains("from 10.2.0.2"), "\(second)")
      let nowhere = try router.ping("-c 1 -W 2 192.0.2.1")
      #expect(nowhere.contains("From 10.1.0.1") && nowhere.contains("Net Unreachable"), "\(nowhere)")
      let nobody = try router.ping("-c 1 -W 10 10.2.0.77")
      #expect(nobody.contains("From 10.1.0.1") && nobody.contains("Destination Host Unreachable"), "\(nobody)")
      let record = try router.ping("-R -c 1 -W 2 10.2.0.2")
      #expect(record.contains("10.2.0.1") && record.contains("10.1.0.1"), "\(record)")
      for name in ["toa", "tob"] { try router.live.expectNoLoss(name) }
    }
  }

  /// Mebibytes in the long direction: NETISR_TRANSFER, or few.
  private static let mebibytes = ProcessInfo.processInfo.environment["NETISR_TRANSFER"].flatMap { Int($0) } ?? 20

  private static func transfer(
    _ mebibytes: Int, from a: NetworkNamespace, to b: NetworkNamespace, at address: String, port: UInt16 = 5001
  ) throws {
    let count = mebibytes << 20
    let (sent, received) = try KernelTCP.start(from: a, to: b, at: address, port: port, count: count).wait(seconds: 120)
    #expect(sent.bytes >= count && sent == received)
  }

  @Test func streamsArriveIntactThroughSwaps() throws {
    try LiveRouter.with { router in
      // In both directions, whole segments of 64 KiB as a veth has them.
      try Self.transfer(Self.mebibytes, from: router.a, to: router.b, at: "10.2.0.2")
      try Self.transfer(4, from: router.b, to: router.a, at: "10.1.0.2")
      let swaps = Swaps(router.live.host)
      try Self.transfer(Self.mebibytes, from: router.a, to: router.b, at: "10.2.0.2", port: 5002)
      #expect(try swaps.end() >= 1)
      #expect(try router.live.counter("ip", "forward") > 20_000)
      #expect(try router.live.counter("ip", "badsum") == 0)
    }
  }

  /// Swaps ip on a thread of its own, until it is told to end.
  private final class Swaps: @unchecked Sendable {
    private let lock = NSLock()
    private let done = DispatchSemaphore(value: 0)
    private var isEnding = false
    private var count = 0
    private var failure: String?
    private let host: RunningHost

    init(_ host: RunningHost) {
      self.host = host
      Thread.detachNewThread { [self] in
        while !lock.withLock({ isEnding }), count < 20 {
          do {
            let result = try self.host.ask("reload ip")
            if result.status != 0 { lock.withLock { failure = result.error } }
          } catch {
            lock.withLock { failure = "\(error)" }
          }
          lock.withLock { count += 1 }
          usleep(50_000)
        }
        done.signal()
      }
    }

    func end() throws -> Int {
      lock.withLock { isEnding = true }
      done.wait()
      if let failure { throw Surprise(description: failure) }
      return count
    }
  }

  @Test func thePathsMTUIsLearned() throws {
    try LiveRouter.with(mtu: 1300) { router in
      let told = try router.ping("-c 1 -M do -s 1400 -W 2 10.2.0.2")
      #expect(told.contains("From 10.1.0.1") && told.contains("mtu = 1300"), "\(told)")
      #expect(try router.a.output(of: "ip route get 10.2.0.2").contains("mtu 1300"))
      try router.a.expectAnswers(to: 5, "-i 0.01 -M do -s 1272 10.2.0.2")
      // What may be cut is cut on the way, to a station of which nothing was learned.
      try router.b.ip("addr add 10.2.0.3/24 dev eth0")
      try router.a.expectAnswers(to: 20, "-i 0.01 -M dont -s 4000 10.2.0.3")
      #expect(try router.live.counter("ip", "fragmented") >= 40)
      try Self.transfer(2, from: router.a, to: router.b, at: "10.2.0.2")
    }
  }
}
