import Foundation
import TestSupport
import Testing

/// `--policy`: what plugins may have.
@Suite struct PolicyTests {
  /// A plugin that imports `abort`, and needs libc and libz.
  private func withPlugin(_ body: (_ bench: Workbench, _ file: String) throws -> Void) throws {
    try Workbench.with(plugins: []) { bench in
      chmod(bench.plugins, 0o755)
      let file = bench.plugins + "/probe.so"
      try CPlugin.compile(
        CPlugin.probe(build: 1, extra: "void abort(void); void more(void) { abort(); }"), to: file, flags: ["-lc"],
        isInstrumented: false)
      chmod(file, 0o755)
      try body(bench, file)
    }
  }

  private func inspect(_ bench: Workbench, _ file: String, _ policy: String, _ more: String...) throws -> Command.Result
  {
    let path = try bench.write(Array(policy.utf8), as: "policy.yaml")
    return try Command.run(["inspect", "--json", "--policy", path] + more + [file])
  }

  private func checks(_ result: Command.Result, _ key: String) throws -> [String] {
    (try result.object()[key] as? [[String: String]] ?? []).compactMap { $0["check"] }
  }

  @Test func aPolicyRefusesAndAllows() throws {
    try withPlugin { bench, file in
      for (policy, problems, notes, status) in [
        ("", [], ["sensitive-import"], 0),
        ("strict: false", [], ["sensitive-import"], 0),
        ("strict: true", [], ["sensitive-import"], 1),
        ("strict: true\nbuilt-in-imports: false", [], [], 0),
        ("strict: true\nsensitive-imports: {abort: allow}", [], [], 0),
        ("sensitive-imports: {ab*: refuse}", ["refused-import"], [], 1),
        ("sensitive-imports:\n  abort: report\n  \"*\": refuse", ["refused-import"], ["sensitive-import"], 1),
        ("built-in-libraries: false", ["needed-library", "undefined-symbol"], ["sensitive-import"], 1),
        ("built-in-libraries: false\nlibraries: [libc.so.*]", [], ["sensitive-import"], 0),
      ] as [(String, [String], [String], Int32)] {
        let result = try inspect(bench, file, policy)
        #expect(Set(try checks(result, "problems")) == Set(problems), "\(policy): \(result.output)")
        #expect(Set(try checks(result, "notes")) == Set(notes), "\(policy): \(result.output)")
        #expect(result.status == status, "\(policy)")
      }
      #expect(try inspect(bench, file, "", "--strict").status == 1)
    }
  }

  /// What is only reported is in the log; what is refused stays out.
  @Test func hostsGoByIt() throws {
    try withPlugin { bench, file in
      let policy = try bench.write(Array("sensitive-imports: {abort: refuse}".utf8), as: "policy.yaml")
      let capture = try bench.write(Captures.pcap(Captures.pingWithARP), as: "ping.pcap")
      let reason = "probe.so: refused-import: abort: the policy has 'abort: refuse'"
      let replay = try Command.run(["replay", "--plugins", bench.plugins, "--policy", policy, capture])
      #expect(replay.status == 1)
      #expect(replay.error.contains(reason), "\(replay.error)")

      let config = try bench.write(Array("policy: \(policy)\n".utf8), as: "netisr.yaml")
      let host = try RunningHost(bench, ["--config", config])
      #expect(try host.plugins(file: "probe.so").first?["state"] as? String == "refused")
      #expect(try host.end().status == 0)

      let easy = try RunningHost(bench)
      #expect(try easy.shows("probe.so", state: "serving", generation: 1))
      let ended = try easy.end()
      #expect(ended.error.contains("probe.so: loaded all the same: sensitive-import: abort: ends the process"))

      let strict = try Command.run(["replay", "--plugins", bench.plugins, "--strict", capture])
      #expect(strict.status == 1)
      #expect(strict.error.contains("probe.so: sensitive-import: abort: ends the process"))
    }
  }

  @Test(arguments: [
    ("strickt: true", ":1: unknown key 'strickt'; did you mean 'strict'?"),
    ("nonsense: true", ":1: unknown key 'nonsense'; expected one of strict, libraries, built-in-libraries"),
    ("strict: yes", ":1: strict: expected one of true, false, found 'yes'"),
    ("strict: ture", "found 'ture'; did you mean 'true'?"),
    ("strict: true\nstrict: true", ":2: strict is given twice"),
    ("libraries: libz.so.1", ":1: libraries: expected a list of names, as in [libz.so.1]"),
    ("libraries:\n  - /lib/libz.so.1", ":2: libraries: expected a name without a folder, found '/lib/libz.so.1'"),
    ("libraries: [\"\"]", ":1: libraries: expected a name without a folder, found ''"),
    ("libraries: [[a]]", ":1: a library: expected one value"),
    (
      "sensitive-imports: [abort]",
      ":1: sensitive-imports: expected a map of names, each with one of allow, report, refuse"
    ),
    (
      "sensitive-imports:\n  abort: refuze",
      ":2: abort: expected one of allow, report, refuse, found 'refuze'; did you mean 'refuse'?"
    ),
    ("sensitive-imports:\n  abort: allow\n  abort: allow", ":3: abort is given twice"),
    ("sensitive-imports: {\"\": allow}", ":1: sensitive-imports: expected a name, found an empty text"),
    ("- a", ":1: expected a map of strict, libraries"),
    ("a: [1", "did not find expected ',' or ']'"),
  ])
  func aWrongPolicyIsAnErrorWithItsLine(text: String, reason: String) throws {
    try Workbench.with(plugins: ["ether"]) { bench in
      let policy = try bench.write(Array(text.utf8), as: "wrong.yaml")
      let result = try Command.run(["inspect", "--policy", policy, bench.plugins + "/ether.so"])
      #expect(result.status == 1)
      #expect(result.output == "")
      #expect(result.complaints.count == 1)
      #expect(result.error.contains("wrong.yaml") && result.error.contains(reason), "\(result.error)")
    }
  }

  @Test func aMissingPolicyIsAnError() throws {
    let result = try Command.run("inspect --policy /no/such.yaml", Fixtures.plugin("ether"))
    #expect(result.complaints == ["netisr: /no/such.yaml: No such file or directory"])
  }
}
