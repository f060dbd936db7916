import CNetISR
import Foundation
import Testing

import PluginInspector

/// The facts in a report, and their form.
@Suite struct ReportTests {
  let inspector = Inspector()

  @Test func `The facts are those of the file`() throws {
    let workshop = try Workshop()
    let path = try workshop.build(
      Source.good(with: "use = malloc;", "#include <stdlib.h>\nvoid *use;"), ["-lc", "-Wl,-z,now"])
    let report = inspector.inspect(bytes: try Workshop.read(path), fileName: "mine.so")
    #expect(report.file == "mine.so")
    #expect(report.name == "mine")
    let abi = try #require(report.abi)
    #expect((abi.major, abi.minor, abi.proto, abi.stateVersion) == (1, UInt16(NETISR_ABI_MINOR), 11, 3))
    #expect((abi.handlerSize, abi.mbufSize, abi.flags, abi.pluginVersion) == (104, 256, 0, 100))
    #expect(report.imports.contains("m_freem"))
    #expect(report.imports.contains("malloc"))
    #expect(report.exports == ["more", "netisr_plugin_register", "use"])
    #expect(report.needed == ["libc.so.6"])
    #expect(report.hardening.relro == .full)
    #expect(report.hardening.bindNow)

    try workshop.run(
      "sh", "-c", "cd \(workshop.directory.path); sha256sum plugin.so > sum; readelf -n plugin.so > notes")
    #expect(String(decoding: try Workshop.read(workshop.path("sum")), as: UTF8.self).hasPrefix(report.sha256 + " "))
    let notes = String(decoding: try Workshop.read(workshop.path("notes")), as: UTF8.self)
    #expect(notes.contains("Build ID: \(try #require(report.buildID))"))
  }

  /// FIPS 180-4's own examples.
  @Test func `SHA-256`() {
    #expect(
      inspector.inspect(bytes: Array("abc".utf8), fileName: "").sha256
        == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad")
    #expect(
      inspector.inspect(bytes: [], fileName: "").sha256
        == "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855")
  }

  @Test func `The keys are those of the command`() throws {
    let bytes = ELFPatcher.patch(goodPlugin) { $0.store(UInt32(16), at: $0.descriptor + 20) }
    let report = inspector.inspect(bytes: bytes, fileName: "mine.so")
    let object = try #require(
      try JSONSerialization.jsonObject(with: JSONEncoder().encode(report)) as? [String: Any])
    #expect(
      Set(object.keys) == [
        "file", "verdict", "unload", "resident_reasons", "name", "build_id", "sha256", "abi", "problems", "notes",
        "imports", "exports", "needed", "hardening",
      ])
    #expect(object["verdict"] as? String == "refused")
    #expect(object["unload"] as? String == "unmaps")
    let abi = try #require(object["abi"] as? [String: Any])
    #expect(Set(abi.keys).isSuperset(of: ["major", "minor", "proto", "state_version"]))
    let problems = try #require(object["problems"] as? [[String: String]])
    #expect(problems.map { $0["check"] } == ["protocol-number"])
    #expect(problems.allSatisfy { Set($0.keys) == ["check", "message"] })
  }

  #if arch(x86_64)
    @Test func `Landing pads and shadow stacks are seen`() throws {
      guard Workshop.has("gcc"), Workshop.has("ld.lld") else { return }
      let bytes = try Workshop.bytes(Source.good, ["-fcf-protection=full", "-Wl,-z,force-ibt,-z,shstk"])
      let report = inspector.inspect(bytes: bytes, fileName: "cet.so")
      #expect(report.hardening.ibt)
      #expect(report.hardening.shstk)
      #expect(!inspector.inspect(bytes: goodPlugin, fileName: "plain.so").hardening.ibt)
    }
  #endif
}
