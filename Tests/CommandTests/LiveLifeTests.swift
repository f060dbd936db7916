import Foundation
import TestSupport
import Testing

/// Interfaces that come and go, rights, and a host that ends.
@Suite(.enabled(if: NetworkNamespace.obstacle == nil, "skipped: \(NetworkNamespace.obstacle ?? "")"), .serialized)
struct LiveLifeTests {
  @Test func aDeviceGoesAndReturns() throws {
    try LiveBench.with(
      plugins: [], reflector: true,
      ["--interface", "packet:near", "--interface", "packet:later", "--interface", "tap:tap0"]
    ) { live in
      try echo(live, 10)
      #expect(try live.state("later") == "waiting")
      let index = try live.interface("near")["index"] as? Int

      // The carrier goes with the other end's state.
      try live.namespace.ip("link set far down")
      #expect(try eventually { try live.state("near") == "down" })
      try live.namespace.ip("link set far up")
      try live.namespace.ip("neigh replace 10.9.0.2 lladdr 02:00:00:00:00:02 dev far")
      #expect(try eventually { try live.state("near") == "up" })
      try echo(live, 10)

      try live.namespace.ip("link del near")
      #expect(try eventually { try live.state("near") == "gone" })
      #expect(try live.host.ask("if list").output.contains("no such device"))
      try live.namespace.makeLink()
      #expect(try eventually { try live.state("near") == "up" })
      try echo(live, 10)
      #expect(try live.interface("near")["index"] as? Int == index, "the same interface")
      #expect(try live.figure("near", "frames") == 30)
      #expect(try live.figure("near", "sent") == 30)

      try live.namespace.ip("link add later type veth peer name elsewhere")
      #expect(try eventually { try ["up", "down"].contains(live.state("later")) })
      try live.namespace.ip("link del tap0")
      #expect(try eventually { try live.state("tap0") == "up" }, "made anew")
    }
  }

  @Test func addAndRemove() throws {
    try LiveBench.with(plugins: [], reflector: true, []) { live in
      let added = try live.host.ask("if add packet:near?promisc&vnet=2&inet=10.9.0.2/24,10.9.0.3/24&inet6=fe80::2/64")
      #expect(added.status == 0, "\(added.error)")
      let near = try live.interface("near")
      #expect(near["addresses"] as? [String] == ["10.9.0.2/24", "10.9.0.3/24", "fe80::2/64"])
      #expect(near["vnet"] as? Int == 2)
      #expect(near["mtu"] as? Int == 1500)
      let link = try live.namespace.output(of: "ip link show near")
      #expect(link.contains(try #require(near["address"] as? String)), "the device's own link address")
      #expect(try promiscuity(live.namespace) == 1)
      try echo(live, 20)
      for (line, reason) in [
        ("if add packet:near", "interface near is there already"), ("if add packet:nosuch", "nosuch: no such device"),
        ("if add tap:near", "interface near is there already"), ("if add tap:far", "device of another kind"),
        ("if add packet:far?vnet=256", "vnet 256: expected 0 to 255"), ("if remove neer", "did you mean 'near'?"),
        ("if add file:/no/such.pcap", "/no/such.pcap"),
      ] {
        let result = try live.host.ask(line)
        #expect(result.status == 1, "\(line)")
        #expect(result.complaints.count == 1)
        #expect(result.error.contains(reason), "\(line): \(result.error)")
      }
      #expect(try live.host.ask("if list").output.split(separator: "\n").count == 2, "nothing else was made")

      let removed = try live.host.ask("if remove near")
      #expect(removed.output == "near: removed; 20 received, 20 sent\n")
      #expect(try promiscuity(live.namespace) == 0)
      #expect(try live.host.ask("if add packet:near").status == 0)
      try echo(live, 20)
      // Capture files too, by a path of the client's.
      _ = try live.bench.write(Captures.pcap(Captures.pingWithARP), as: "ping.pcap")
      let file = try Command.run(
        ["if", "add", "file:ping.pcap?loop=3", "--control", live.host.socket], in: live.bench.path)
      #expect(file.status == 0, "\(file.error)")
      #expect(try eventually { try live.state("file0") == "ended" })
      #expect(try live.host.ask("if remove file0").status == 0)
    }
  }

  /// SIGTERM in the middle of traffic: what was taken is handled, and the device is as before.
  @Test func theEndUnderLoad() throws {
    try Workbench.with(plugins: ["ether", "ip", "arp"]) { bench in
      let namespace = try NetworkNamespace()
      try namespace.makeLink()
      // Flags, promiscuity, groups: all of it is to be as it was.
      func state() throws -> String {
        try namespace.output(of: "ip -d link show near") + namespace.output(of: "ip maddr show dev near")
      }
      let before = try state()
      let host = try RunningHost(
        bench, ["--dispatch", "deferred", "--interface", "packet:near?promisc&queues=2"], under: namespace.prefix)
      #expect(try promiscuity(namespace) == 1)
      let sender = Thread { [socket = try KernelUDP(in: namespace)] in
        while !Thread.current.isCancelled { try? socket.send(KernelUDP.pattern(100, seed: 0)) }
      }
      sender.start()
      #expect(try eventually { try host.figure("counters", "ip", "total") > 1000 })
      let ended = try host.end()
      sender.cancel()
      #expect(ended.status == 0, "\(ended.error)")
      #expect(ended.error.contains("SIGTERM: ending"))
      #expect(!ended.error.contains("leaked") && !ended.error.contains("unbalanced"), "\(ended.error)")
      #expect(try promiscuity(namespace) == 0)
      #expect(try state() == before)
      #expect(!FileManager.default.fileExists(atPath: host.socket))
    }
  }

  @Test func theKernelsRoutes() throws {
    try LiveBench.with(plugins: ["route"], ["--interface", "netlink:", "--interface", "netlink:other?vnet=7"]) { live in
      let before = try live.counter("route", "newroute")
      #expect(try eventually { try live.counter("route", "newlink") >= 6 }, "lo, near and far, by both dumps")
      let batch = try live.bench.write(
        Array((0..<500).map { "route add 10.200.\($0 / 250).\($0 % 250)/32 via 10.9.0.2\n" }.joined().utf8), as: "batch"
      )
      _ = try live.namespace.output(of: "ip -batch \(batch)")
      #expect(try eventually { try live.counter("route", "newroute") >= before + 1000 })
      let steady = try live.counter("route", "newroute")
      try live.namespace.ip("route del 10.200.0.0/32")
      try live.namespace.ip("neigh add 10.9.0.77 lladdr 02:00:00:00:00:77 dev far")
      try live.namespace.ip("addr add 10.99.0.1/24 dev far")
      #expect(try eventually { try live.counter("route", "delroute") == 2 })
      #expect(try eventually { try live.counter("route", "newroute") >= steady + 2 }, "the address's own")
      #expect(try live.counter("route", "malformed") == 0)
      #expect(try live.figure("netlink", "kernel_dropped") == 0)
      #expect(try live.interface("other")["vnet"] as? Int == 7)
    }
  }

  /// Notifications that come faster than they are taken: counted, and all is told anew.
  @Test func lostNotifications() throws {
    try LiveBench.with(plugins: ["route"], ["--interface", "netlink:"]) { live in
      #expect(try eventually { try live.counter("route", "newrule") > 0 }, "the first dump is over")
      let batch = try live.bench.write(
        Array(
          (0..<60_000).map { "route add 10.\(100 + $0 / 40_000).\($0 / 200 % 200).\($0 % 200)/32 via 10.9.0.2\n" }
            .joined().utf8), as: "batch")
      let process = live.host.running.process.processIdentifier
      kill(process, SIGSTOP)
      _ = try live.namespace.output(of: "ip -batch \(batch)")
      kill(process, SIGCONT)
      #expect(try eventually { try live.figure("netlink", "kernel_dropped") > 0 })
      #expect(try eventually { try live.counter("route", "dellink") == 3 }, "lo, near, far are forgotten")
      #expect(try eventually { try live.counter("route", "newroute") >= 60_000 }, "and all routes are told")
      #expect(try live.counter("route", "malformed") == 0)
      let before = try live.counter("route", "delroute")
      try live.namespace.ip("route del 10.100.0.0/32")
      #expect(try eventually { try live.counter("route", "delroute") == before + 1 }, "and what comes is followed")
    }
  }

  /// One thread keeps the two rights, and nothing else has any.
  @Test(.enabled(if: CPlugin.sanitizer == nil, "skipped: a sanitizer has a thread of its own, older than the program"))
  func rightsAreGivenUp() throws {
    try LiveBench.with(plugins: ["ether"], ["--interface", "packet:near"]) { live in
      let folder = "/proc/\(live.host.running.process.processIdentifier)/task"
      var kept: [String: String] = [:]
      for task in try FileManager.default.contentsOfDirectory(atPath: folder) {
        let status = try String(contentsOfFile: "\(folder)/\(task)/status", encoding: .utf8)
        let fields = Dictionary(
          status.split(separator: "\n").compactMap { line -> (String, String)? in
            let parts = line.split(separator: "\t", maxSplits: 1)
            return parts.count == 2 ? (String(parts[0]), String(parts[1])) : nil
          }, uniquingKeysWith: { $1 })
        #expect(fields["NoNewPrivs:"] == "1")
        for key in ["CapInh:", "CapAmb:"] { #expect(fields[key] == "0000000000000000") }
        if fields["CapPrm:"] != "0000000000000000" || fields["CapEff:"] != "0000000000000000" {
          kept[fields["Name:"] ?? "?"] = fields["CapPrm:"]
        }
      }
      // CAP_NET_ADMIN is 12, CAP_NET_RAW is 13.
      #expect(kept == ["netisr/rights": "0000000000003000"])
      #expect(try live.host.ask("if add packet:far").status == 0, "interfaces still come")
    }
  }

  /// With ambient capabilities it does the same as root; without any it says what is missing, and goes on.
  @Test(arguments: [true, false]) func anOrdinaryUser(hasRights: Bool) throws {
    try Workbench.with(plugins: ["ether", "ip", "arp"]) { bench in
      let program = bench.path + "/netisr"
      try FileManager.default.copyItem(atPath: Command.path, toPath: program)
      // A folder and files that the user can reach, and a socket that it can make.
      for path in [bench.path, bench.plugins, program] {
        guard chmod(path, 0o755) == 0, chown(path, 65534, 65534) == 0 else { throw POSIXError(.EPERM) }
      }
      let namespace = try NetworkNamespace()
      try namespace.makeLink()
      let rights = hasRights ? "+net_raw,+net_admin" : "-all"
      let host = try RunningHost(
        bench, ["--interface", "packet:near?promisc", "--interface", "tap:tap0", "--interface", "epair:inside"],
        under: namespace.prefix + [
          "setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", "--inh-caps", rights, "--ambient-caps", rights,
        ], program: program)
      let list = try host.ask("if list").output
      if hasRights {
        let socket = try KernelUDP(in: namespace)
        for number in 0..<100 { try socket.send(KernelUDP.pattern(100, seed: number)) }
        #expect(try eventually { try host.figure("counters", "ip", "total") == 100 })
        #expect(try promiscuity(namespace) == 1)
      } else {
        #expect(list.contains("near: not permitted: it takes CAP_NET_RAW"), "\(list)")
        #expect(list.contains("tap0: not permitted: it takes CAP_NET_ADMIN"), "\(list)")
        let result = try host.ask("if add packet:far")
        #expect(result.status == 1)
        #expect(result.error.contains("CAP_NET_RAW"))
      }
      #expect(list.contains("insidea"), "the others go on")
      let ended = try host.end()
      #expect(ended.status == 0, "\(ended.error)")
      #expect(try promiscuity(namespace) == 0)
    }
  }

  private func promiscuity(_ namespace: NetworkNamespace) throws -> Int {
    let text = try namespace.output(of: "ip -d link show near")
    let words = text.split(whereSeparator: \.isWhitespace)
    let place = try #require(words.firstIndex(of: "promiscuity"), "\(text)")
    return try #require(Int(words[place + 1]))
  }

  /// Sends so many datagrams, and expects each of them back.
  private func echo(_ live: LiveBench, _ count: Int) throws {
    let socket = try KernelUDP(in: live.namespace)
    for number in 0..<count {
      let sent = KernelUDP.pattern(number * 10, seed: number)
      try socket.send(sent)
      #expect(socket.receive() == sent)
    }
  }
}
