import Foundation
import TestSupport
import Testing

/// `netisr run --config`, and SIGHUP.
@Suite struct ConfigurationTests {
  @Test func readAndReadAgain() throws {
    try Workbench.with(plugins: ["ether", "ip", "arp"]) { bench in
      let capture = try bench.write(Captures.pcap(Captures.pingWithARP), as: "ping.pcap")
      func configure(_ text: String) throws -> String { try bench.write(Array(text.utf8), as: "netisr.yaml") }
      let file = try configure(
        """
        # What a host takes.
        dispatch: hybrid
        threads: 2
        log-level: debug
        interfaces:
          - epair:one
          - "file:\(capture)?loop&pps=1000"
        settings:
          net.isr.proto.ip.qlimit: 777
        """)
      let host = try RunningHost(bench, ["--config", file, "--interface", "epair:line", "--dispatch", "deferred"])
      #expect(
        try host.ask("get net.isr.dispatch").output == "net.isr.dispatch: deferred\n", "the command line goes before")
      #expect(try host.ask("get net.isr.proto.ip.qlimit").output.hasSuffix(": 777\n"))
      #expect(try names(host) == ["onea", "oneb", "file0", "linea", "lineb"])

      // Wrong: nothing changes, and it goes on.
      _ = try configure("interfaces: [epair:two]\nsetings: {}\n")
      try hangUp(host, until: "netisr.yaml:2: unknown key 'setings'; did you mean 'settings'?; nothing was changed")
      #expect(try names(host) == ["onea", "oneb", "file0", "linea", "lineb"])

      // Without a log level: that can't change while it runs, all else does.
      _ = try configure(
        "interfaces: [epair:two, \"file:\(capture)?loop&pps=1000\"]\nsettings: {net.isr.proto.ip.qlimit: 888}\nthreads: 1\n"
      )
      try hangUp(host, until: "the configuration was read again")
      #expect(try names(host) == ["file0", "linea", "lineb", "twoa", "twob"])
      #expect(try host.ask("get net.isr.proto.ip.qlimit").output.hasSuffix(": 888\n"))
      #expect(try host.ask("get net.isr.maxthreads").output == "net.isr.maxthreads: 1\n")
      let ended = try host.end()
      #expect(ended.status == 0, "\(ended.error)")
      #expect(ended.error.contains("log-level can't be changed while the host runs"))
    }
  }

  @Test(arguments: [
    ("plugins: [a, b]", ":1: plugins: expected one value"),
    ("threads: 0", ":1: threads: expected 1 to 256, found '0'"),
    ("\ndispatch: sideways", ":2: dispatch: expected one of direct, hybrid, deferred, found 'sideways'"),
    ("bind: perhaps", ":1: bind: expected one of true, false, found 'perhaps'"),
    ("interfaces:\n  - packet:a\n  - \"packet:\"", ":3: interface \"packet:\": expected a name after \"packet:\""),
    ("interfaces:\n  - netlink:", ":2: an interface: expected a text; one that ends in a colon needs quotes"),
    ("interfaces: packet:a", ":1: interfaces: expected a list"),
    ("settings: [a]", ":1: settings: expected a map of names and values"),
    ("a: 1\na: 2", ":1: unknown key 'a'"),
    ("threads: 1\nthreads: 2", ":2: threads is given twice"),
    ("- a", ":1: expected a map of plugins, control"),
    ("a: [1, 2", ":2: did not find expected ',' or ']'"),
    ("settings: {net.isr.nonsense: 1}", "no setting 'net.isr.nonsense'"),
    ("\u{1}", "control characters are not allowed"),
  ])
  func wrong(text: String, reason: String) throws {
    try Workbench.with(plugins: ["ether"]) { bench in
      let file = try bench.write(Array(text.utf8), as: "wrong.yaml")
      let result = try Command.run(
        ["run", "--config", file, "--plugins", bench.plugins, "--control", bench.path + "/control"])
      #expect(result.status == 1)
      #expect(result.complaints.contains { $0.contains(reason) }, "\(result.error)")
      #expect(!FileManager.default.fileExists(atPath: bench.path + "/control"))
    }
  }

  @Test func missing() throws {
    let result = try Command.run("run --config /no/such.yaml")
    #expect(result.status == 1)
    #expect(result.complaints == ["netisr: /no/such.yaml: No such file or directory"])
  }

  private func names(_ host: RunningHost) throws -> [String] {
    let list = try host.ask("if list --json").object()["interfaces"] as? [[String: Any]] ?? []
    return list.compactMap { $0["name"] as? String }
  }

  /// Sends SIGHUP and waits for a line of the log.
  private func hangUp(_ host: RunningHost, until line: String) throws {
    kill(host.running.process.processIdentifier, SIGHUP)
    #expect(try eventually { try String(contentsOf: host.running.error, encoding: .utf8).contains(line) }, "\(line)")
  }
}
