import Foundation
import TestSupport
import Testing

/// Whom the real command trusts: owners and modes, keys and signatures.
@Suite struct TrustTests {
  /// A folder with a plugin directory, a pair of keys, and the public one in a directory.
  private func withKeys(plugins: [String] = ["ether"], _ body: (Workbench) throws -> Void) throws {
    try Workbench.with(plugins: plugins) { bench in
      chmod(bench.plugins, 0o755)
      let made = try Command.run(["keygen", "--output", bench.path + "/release"])
      #expect(made.status == 0, "\(made.error)")
      #expect(made.output.hasPrefix("\(bench.path)/release.sec, \(bench.path)/release.pub: key "))
      mkdir(bench.path + "/keys", 0o755)
      chmod(bench.path + "/keys", 0o755)
      try FileManager.default.copyItem(atPath: bench.path + "/release.pub", toPath: bench.path + "/keys/release.pub")
      try body(bench)
    }
  }

  private func sign(_ bench: Workbench, _ files: String...) throws {
    let result = try Command.run(["sign", "--key", bench.path + "/release.sec"] + files)
    #expect(result.status == 0, "\(result.error)")
    #expect(result.output.split(separator: "\n").map { String($0.prefix { $0 != ":" }) } == files.map { $0 + ".sig" })
  }

  /// `netisr replay` of a small capture, which fails with one line that has a reason in it.
  private func expectReplay(
    _ bench: Workbench, _ arguments: [String] = [], failsFor reason: String,
    sourceLocation: SourceLocation = #_sourceLocation
  ) throws {
    let capture = try bench.write(Captures.pcap(Captures.pingWithARP), as: "ping.pcap")
    let result = try Command.run(["replay", "--plugins", bench.plugins] + arguments + [capture])
    #expect(result.status == 1, sourceLocation: sourceLocation)
    #expect(result.complaints.count == 1, "\(result.error)", sourceLocation: sourceLocation)
    #expect(result.error.contains(reason), "\(result.error)", sourceLocation: sourceLocation)
  }

  /// The path as the host says it.
  private func real(_ path: String) -> String { URL(fileURLWithPath: path).resolvingSymlinksInPath().path }

  private func required(_ bench: Workbench) -> [String] { ["--keys", bench.path + "/keys", "--require-signatures"] }

  private func reasons(_ host: RunningHost, _ file: String) throws -> [String] {
    try host.plugins(file: file).first { $0["state"] as? String == "refused" }?["reasons"] as? [String] ?? []
  }

  // MARK: Owners and modes

  @Test(arguments: ["run", "replay"]) func aDirectoryThatOthersMayWrite(command: String) throws {
    try Workbench.with(plugins: ["ether"]) { bench in
      chmod(bench.plugins, 0o777)
      let capture = try bench.write(Captures.pcap(Captures.pingWithARP), as: "ping.pcap")
      let rest = command == "run" ? ["--control", bench.path + "/control"] : [capture]
      func failure() throws -> String {
        let result = try Command.run([command, "--plugins", bench.plugins] + rest)
        #expect(result.status == 1)
        return result.complaints.last ?? ""
      }
      let expected = "netisr: plugin directory \(real(bench.plugins)): expected"
      #expect(try failure() == "\(expected) mode 0755 (only its owner may write it), found 0777")
      guard geteuid() == 0 else { return }
      chmod(bench.plugins, 0o755)
      chown(bench.plugins, 12345, 0)
      #expect(try failure() == "\(expected) owner 0, found 12345")
    }
  }

  @Test func filesThatOthersMayHaveWritten() throws {
    try Workbench.with(plugins: ["ether"]) { bench in
      chmod(bench.plugins, 0o755)
      let file = bench.plugins + "/ether.so"
      chmod(file, 0o777)
      try expectReplay(bench, failsFor: "permissions: expected mode 0755 (only its owner may write it), found 0777")
      chmod(file, 0o755)
      rename(file, bench.path + "/ether.so")
      symlink("../ether.so", file)
      try expectReplay(
        bench, failsFor: "ether.so: permissions: expected a regular file, found a symbolic link to ../ether.so")
      guard geteuid() == 0 else { return }
      unlink(file)
      rename(bench.path + "/ether.so", file)
      chown(file, 12345, 0)
      try expectReplay(bench, failsFor: "permissions: expected owner 0, found 12345")
    }
  }

  /// The one that is named may be a link; it is followed once, when the host starts.
  @Test func theDirectoryItselfMayBeALink() throws {
    try Workbench.with(plugins: ["ether"]) { bench in
      let link = bench.path + "/link.d"
      symlink(bench.plugins, link)
      let host = try RunningHost(bench, ["--plugins", link])
      #expect(try host.plugins(file: "ether.so").first?["path"] as? String == real(bench.plugins) + "/ether.so")
      unlink(link)
      try bench.drop(Fixtures.plugin("arp"), as: "arp.so")
      #expect(try eventually { try host.shows("arp.so", state: "serving", generation: 1) })
      #expect(try host.end().status == 0)
    }
  }

  // MARK: Keys

  @Test func keysAreNeverOverwritten() throws {
    try withKeys { bench in
      let result = try Command.run(["keygen", "--output", bench.path + "/release"])
      #expect(result.status == 1)
      #expect(
        result.complaints == [
          "netisr: \(bench.path)/release.sec: expected no such file, found one: a key is never overwritten"
        ])
      chmod(bench.path + "/release.sec", 0o644)
      let refused = try Command.run(["sign", "--key", bench.path + "/release.sec", bench.plugins + "/ether.so"])
      #expect(refused.status == 1)
      #expect(refused.error.contains("release.sec: expected mode 0600 (nobody else may read or write it), found 0644"))
      chmod(bench.path + "/release.sec", 0o600)
      // What can't be signed keeps nothing else from it.
      let some = try Command.run([
        "sign", "--key", bench.path + "/release.sec", bench.path + "/none.so", bench.plugins + "/ether.so",
      ])
      #expect(some.status == 1)
      #expect(some.complaints == ["netisr: \(bench.path)/none.so: No such file or directory"])
      #expect(access(bench.plugins + "/ether.so.sig", F_OK) == 0)
    }
  }

  @Test func keysThatCanNotBeUsedAreAnErrorAtOnce() throws {
    try withKeys { bench in
      let keys = real(bench.path) + "/keys"
      try expectReplay(
        bench, ["--require-signatures"],
        failsFor: "require-signatures: expected a directory of keys (--keys), found none")
      chmod(keys, 0o777)
      try expectReplay(
        bench, required(bench), failsFor: "keys: \(keys): expected mode 0755 (only its owner may write it), found 0777")
      chmod(keys, 0o755)
      _ = try bench.write(Array("nonsense".utf8), as: "keys/bad.pub")
      try expectReplay(
        bench, required(bench),
        failsFor:
          "keys: \(keys)/bad.pub: expected a first line that begins with 'untrusted comment: ', found 'nonsense'")
      unlink(keys + "/bad.pub")
      unlink(keys + "/release.pub")
      try expectReplay(bench, required(bench), failsFor: "keys: \(keys): expected public keys (*.pub), found none")
    }
  }

  // MARK: Signatures

  @Test func eachSignatureThatIsNotGoodHasItsReason() throws {
    try withKeys { bench in
      let file = real(bench.plugins) + "/ether.so"
      try expectReplay(
        bench, required(bench), failsFor: "ether.so: signature: expected a signature in \(file).sig, found none")
      _ = try bench.write(Array("untrusted comment: x\nRWQ=\n".utf8), as: "plugins.d/ether.so.sig")
      try expectReplay(bench, required(bench), failsFor: "signature: \(file).sig: expected 74 bytes in base64, found 2")

      let other = try Command.run(["keygen", "--output", bench.path + "/other"])
      #expect(try Command.run(["sign", "--key", bench.path + "/other.sec", file]).status == 0)
      let id = other.output.split(separator: " ").last.map { $0.trimmingCharacters(in: .newlines) } ?? ""
      #expect(id.count == 16)
      try expectReplay(bench, required(bench), failsFor: "found one by the unknown key \(id)")

      try sign(bench, file)
      var bytes = try Data(contentsOf: URL(fileURLWithPath: file))
      bytes.append(0)
      try bytes.write(to: URL(fileURLWithPath: file))
      chmod(file, 0o755)
      try expectReplay(bench, required(bench), failsFor: "found one of other bytes")
      // Where none is required, a bad one is none the better.
      try expectReplay(bench, ["--keys", bench.path + "/keys"], failsFor: "found one of other bytes")
    }
  }

  @Test func signedPluginsServe() throws {
    try withKeys(plugins: ["ether", "arp"]) { bench in
      try sign(bench, bench.plugins + "/ether.so", bench.plugins + "/arp.so")
      let capture = try bench.write(Captures.pcap(Captures.pingWithARP), as: "ping.pcap")
      let replay = try Command.run(["replay", "--plugins", bench.plugins] + required(bench) + ["--json", capture])
      #expect(replay.status == 0, "\(replay.error)")
      #expect((try replay.object()["plugins"] as? [Any])?.count == 2)
      let explain = try Command.run(["explain", "--plugins", bench.plugins] + required(bench) + [capture])
      #expect(explain.status == 0, "\(explain.error)")
      let report = try Command.run(["inspect", "--json"] + required(bench) + [bench.plugins + "/arp.so"])
      #expect(report.status == 0)
      let key = try Command.run(["sign", "--key", bench.path + "/release.sec", bench.plugins + "/arp.so"]).output
      #expect(key.hasSuffix(": key \(try report.object()["signed_by"] as? String ?? "")\n"))
    }
  }

  /// A running host: the configuration file asks for signatures, and what comes into the directory, or is asked for,
  /// needs one.
  @Test func aRunningHostTakesWhatIsSigned() throws {
    try withKeys { bench in
      try sign(bench, bench.plugins + "/ether.so")
      let text = "keys: \(bench.path)/keys\nrequire-signatures: true\n"
      let host = try RunningHost(bench, ["--config", try bench.write(Array(text.utf8), as: "netisr.yaml")])
      #expect(try host.shows("ether.so", state: "serving", generation: 1))

      try bench.drop(Fixtures.plugin("arp"), as: "arp.so")
      let file = real(bench.plugins) + "/arp.so"
      #expect(
        try eventually { try reasons(host, "arp.so") == ["signature: expected a signature in \(file).sig, found none"] }
      )
      let load = try host.ask("load \(file)")
      #expect(load.status == 1)
      #expect(load.error.contains("signature: expected a signature in \(file).sig, found none"))
      try sign(bench, file)
      #expect(try eventually { try host.shows("arp.so", state: "serving", generation: 1) })
      #expect(try reasons(host, "arp.so") == [])

      unlink(file + ".sig")
      let reload = try host.ask("reload arp")
      #expect(reload.status == 1)
      #expect(reload.error.contains("found none"))
      #expect(try host.shows("arp.so", state: "serving", generation: 1))
      #expect(try host.end().status == 0)
    }
  }
}
