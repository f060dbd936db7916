import Foundation
import TestSupport
import Testing

@Suite struct InspectTests {
  @Test func acceptedPluginAsJSON() throws {
    let result = try Command.run("inspect --json", Fixtures.plugin("ether"))
    #expect(result.status == 0)
    #expect(result.error == "")
    let report = try result.object()
    try expectShape(
      report,
      [
        "file": .string, "verdict": .string, "unload": .string, "name": .string, "build_id": .string, "sha256": .string,
        "abi": .object(["major": .number, "minor": .number, "proto": .number, "state_version": .number]),
        "problems": .array(.object(["check": .string, "message": .string])),
        "notes": .array(.object(["check": .string, "message": .string])),
        "imports": .array(.string), "exports": .array(.string), "needed": .array(.string),
      ])
    #expect(report["verdict"] as? String == "accepted")
    #expect(report["name"] as? String == "ether")
    #expect((report["exports"] as? [String])?.contains("netisr_plugin_register") == true)
  }

  @Test func acceptedPluginForPeople() throws {
    let result = try Command.run("inspect", Fixtures.plugin("null"))
    #expect(result.status == 0)
    #expect(result.output.contains(": accepted\n"))
    #expect(result.output.contains("netisr_plugin_register"))
  }

  @Test func refusedFileIsOneLineAndExitCodeOne() throws {
    try Workbench.with(plugins: []) { bench in
      let file = try bench.write(Array("#!/bin/sh\n".utf8), as: "script.so")
      let result = try Command.run("inspect --json", file)
      #expect(result.status == 1)
      #expect(result.complaints.count == 1)
      #expect(result.error.contains("not-elf"))
      let report = try result.object()
      #expect(report["verdict"] as? String == "refused")
      let problems = try #require(report["problems"] as? [[String: Any]])
      #expect(problems.contains { $0["check"] as? String == "not-elf" })
    }
  }

  @Test func severalFilesAreOneObject() throws {
    try Workbench.with(plugins: []) { bench in
      let bad = try bench.write([1, 2, 3], as: "bad.so")
      let result = try Command.run(["inspect", "--json", Fixtures.plugin("ether"), bad, bench.path + "/missing.so"])
      #expect(result.status == 1)
      #expect(result.complaints.count == 2)
      let files = try #require(try result.object()["files"] as? [[String: Any]])
      #expect(files.map { $0["verdict"] as? String } == ["accepted", "refused"])
    }
  }

  @Test func unreadableFile() throws {
    let result = try Command.run("inspect --json /nonexistent/x.so")
    #expect(result.status == 1)
    #expect(result.output == "")
    #expect(result.complaints.count == 1)
    #expect(result.error.contains("/nonexistent/x.so: No such file or directory"))
  }

  @Test func notesRefuseWhenStrict() throws {
    try Workbench.with(plugins: []) { bench in
      let file = bench.path + "/constructor.so"
      try CPlugin.compile(
        CPlugin.probe(
          build: 1,
          extra: "static volatile int ran; __attribute__((constructor)) static void early(void) { ran = 1; }"),
        to: file)
      try FileManager.default.setAttributes([.posixPermissions: 0o755], ofItemAtPath: file)
      #expect(try Command.run("inspect", file).status == 0)
      let strict = try Command.run("inspect --strict", file)
      #expect(strict.status == 1)
      #expect(strict.error.contains("constructor"))
    }
  }
}
