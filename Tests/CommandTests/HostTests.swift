import Foundation
import TestSupport
import Testing

/// A host that runs while a capture is fed to it again and again, and the commands that talk to it.
@Suite struct HostTests {
  @Test func statisticsUnderTraffic() throws {
    try Workbench.with(plugins: ["ether", "ip", "arp"]) { bench in
      try RunningHost.with(bench) { host in
        #expect(try eventually { try host.figure("counters", "icmp", "echo") > 100 })
        try expectShape(
          try host.ask("stat --json").object(),
          statisticsShape.merging(
            [
              "mbufs": .object([
                "mbufs": .object(["allocated": .number, "free": .number, "in_flight": .number, "denied": .number])
              ])
            ],
            uniquingKeysWith: { $1 }))
        let text = try host.ask("stat").output
        for title in [
          "Configuration:", "Protocols:", "Workstreams:", "Interfaces:", "Counters:", "Packet memory:", "Balance:",
        ] {
          #expect(text.contains(title))
        }
      }
    }
  }

  /// However dense traffic is: two sources that never pause.
  @Test(arguments: ["direct", "hybrid", "deferred"])
  func balancedAtAnyMoment(dispatch: String) throws {
    try Workbench.with(plugins: ["ether", "ip", "arp"]) { bench in
      let second = try bench.write(Captures.pcap([Captures.icmp(8)]), as: "echo.pcap")
      try RunningHost.with(bench, ["--dispatch", dispatch, "--interface", "\(second)?loop"]) { host in
        for _ in 0..<10 {
          let balance = try #require(try host.ask("stat --json").object()["conservation"] as? [String: Any])
          #expect(balance["balanced"] as? Bool == true, "\(balance)")
          #expect((balance["dropped"] as? [String: Int])?["qlimit"] == nil, "sources wait for room")
        }
      }
    }
  }

  @Test func watchUntilInterrupted() throws {
    try Workbench.with(plugins: ["ether"]) { bench in
      try RunningHost.with(bench) { host in
        let watch = try Command.start(["stat", "--watch", "--json", "--control", host.socket])
        let lines = { try String(contentsOf: watch.output, encoding: .utf8).filter { $0 == "\n" }.count }
        #expect(try eventually { try lines() >= 2 })
        watch.process.interrupt()
        // Not for ever: an interrupt that did nothing is to fail this test, not to hang it.
        #expect(eventually { !watch.process.isRunning })
        if watch.process.isRunning { kill(watch.process.processIdentifier, SIGKILL) }
        watch.process.waitUntilExit()
        #expect(try watch.result().status == 0)
      }
    }
  }

  @Test func settings() throws {
    try Workbench.with(plugins: ["ether", "ip", "arp"]) { bench in
      try RunningHost.with(bench) { host in
        #expect(try host.ask("get net.isr.dispatch").output == "net.isr.dispatch: direct\n")
        #expect(try host.ask("set net.isr.dispatch=deferred").output == "net.isr.dispatch: direct -> deferred\n")
        #expect(try host.ask("get net.isr.dispatch").output == "net.isr.dispatch: deferred\n")
        #expect(try host.ask("set net.isr.proto.ip.qlimit=300").status == 0)
        #expect(try host.ask("set net.isr.proto.ip.dispatch=hybrid").status == 0)
        let all = try host.ask("get").output
        for line in [
          "net.isr.proto.ip.qlimit: 300\n", "net.isr.proto.ip.dispatch: hybrid\n", "net.isr.proto.ip.policy: flow\n",
          "net.isr.maxqlimit: 10240\n", "net.mbufs.limit: ", "net.isr.numthreads: ",
        ] {
          #expect(all.contains(line))
        }
        // The number of workers changes under the traffic.
        for count in [1, 0, 2, -1] {
          #expect(try host.ask("set net.isr.maxthreads=\(count)").status == 0)
          #expect(try host.ask("get net.isr.maxthreads").output == "net.isr.maxthreads: \(count)\n")
        }
        #expect(try host.ask("set net.isr.maxthreads=99999").status == 1)
        let before = try host.figure("counters", "icmp", "echo")
        #expect(try eventually { try host.figure("counters", "icmp", "echo") > before + 100 })
      }
    }
  }

  /// CPU time, not time that passes: a busy machine does not change it.
  @Test(.enabled(if: CPlugin.sanitizer == nil, "skipped: a sanitizer has threads of its own"))
  func anIdleHostUsesNoCPU() throws {
    try Workbench.with(plugins: Fixtures.protocols) { bench in
      let host = try RunningHost(bench)
      defer { _ = try? host.end() }
      let before = try cpuTime(of: host)
      #expect(before > 0, "it took some to start")
      let seconds = 10.0
      usleep(UInt32(seconds * 1_000_000))
      let used = try cpuTime(of: host) - before
      print("idle: \(used * 1000) ms of CPU time in \(seconds) s, \(used / seconds * 100) %")
      #expect(used / seconds < 0.001)
    }
  }

  /// CPU time of all threads of a host, in seconds.
  private func cpuTime(of host: RunningHost) throws -> Double {
    let folder = "/proc/\(host.running.process.processIdentifier)/task"
    return try FileManager.default.contentsOfDirectory(atPath: folder).reduce(0) { sum, task in
      // "RUNNING WAITING SLICES", in ns
      let text = try String(contentsOfFile: "\(folder)/\(task)/schedstat", encoding: .utf8)
      return sum + (try #require(text.split(separator: " ").first.flatMap { Double($0) })) / 1e9
    }
  }

  @Test func wrongSettings() throws {
    try Workbench.with(plugins: ["ether"]) { bench in
      try RunningHost.with(bench) { host in
        for (line, reason) in [
          ("get net.isr.dispach", "did you mean 'net.isr.dispatch'?"), ("set net.isr.dispatch=sideways", "sideways"),
          ("set net.isr.dispatch=default", "expected direct, hybrid or deferred"),
          ("set net.isr.numthreads=1", "can't be changed"), ("set net.isr.bindthreads=2", "from 0 to 1"),
          ("set net.isr.polling=yes", "from 0 to 1"), ("set net.isr.proto.ether.qlimit=99999", "0 to 10240"),
          ("set net.isr.proto.ether.policy=cpu", "can't be changed"),
        ] {
          let result = try host.ask(line)
          #expect(result.status == 1)
          #expect(result.complaints.count == 1)
          #expect(result.error.contains(reason), "\(line): \(result.error)")
        }
        #expect(try host.ask("get net.isr.dispatch").output == "net.isr.dispatch: direct\n")
      }
    }
  }

  @Test func loadReloadUnload() throws {
    try Workbench.with(plugins: ["ether", "ip"]) { bench in
      try RunningHost.with(bench) { host in
        // A path of the client's working directory.
        let outside = bench.path + "/outside"
        try FileManager.default.createDirectory(atPath: outside, withIntermediateDirectories: false)
        try FileManager.default.copyItem(atPath: bench.compileProbe(build: 1), toPath: outside + "/probe.so")
        let loaded = try Command.run(["load", "probe.so", "--control", host.socket], in: outside)
        #expect(loaded.status == 0, "\(loaded.error)")
        #expect(loaded.output.hasPrefix("probe: generation 1 serves protocol 11"))
        #expect(try host.shows("probe.so", state: "serving", generation: 1))

        let again = try host.ask("load", outside + "/probe.so")
        #expect(again.status == 1)
        #expect(again.error.contains("'probe' is served"))
        #expect(try host.ask("reload probe").output.hasPrefix("probe: generation 2 serves"))
        #expect(try host.ask("reload ip").output.hasPrefix("ip: generation 2 serves"))
        #expect(try host.shows("ip.so", state: "serving", generation: 2))
        #expect(try host.ask("unload probe").output == "probe: generation 2 is unmapped\n")
        #expect(try host.plugins(file: "probe.so").isEmpty)

        let unknown = try host.ask("unload etherr")
        #expect(unknown.status == 1)
        #expect(unknown.error.contains("did you mean 'ether'?"))
        let refused = try host.ask("load", Command.path)
        #expect(refused.status == 1)
        #expect(refused.complaints.count == 1)
        #expect(refused.error.contains("abi-note"))
      }
    }
  }

  /// Drop in, replace, spoil, delete: the list follows, traffic goes on.
  @Test func theDirectoryIsFollowed() throws {
    try Workbench.with(plugins: ["ether", "ip", "arp"]) { bench in
      let builds = try [bench.compileProbe(build: 1), bench.compileProbe(build: 2)]
      try RunningHost.with(bench) { host in
        try bench.drop(builds[0], as: "probe.so")
        #expect(try eventually { try host.shows("probe.so", state: "serving", generation: 1) })
        try bench.drop(builds[1], as: "probe.so")
        #expect(try eventually { try host.shows("probe.so", state: "serving", generation: 2) })

        try bench.drop("/etc/passwd", as: "probe.so")
        #expect(try eventually { try host.shows("probe.so", state: "refused", generation: 0) })
        #expect(try host.shows("probe.so", state: "serving", generation: 2), "the old one serves on")
        let text = try host.ask("list").output
        #expect(text.contains("refused"))
        #expect(text.contains("not-elf"))

        try FileManager.default.removeItem(atPath: bench.plugins + "/probe.so")
        #expect(try eventually { try host.plugins(file: "probe.so").isEmpty })
        let before = try host.figure("counters", "icmp", "echo")
        #expect(try eventually { try host.figure("counters", "icmp", "echo") > before })
      }
    }
  }
}
