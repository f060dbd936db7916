import Foundation
import TestSupport
import Testing

/// The C contract: its headers, and the names that the host exports.
@Suite struct ContractTests {
  private static let include = "\(Fixtures.root)/Sources/CNetISR/include"

  static let headers =
    (try? FileManager.default.contentsOfDirectory(atPath: include))?.filter { $0.hasSuffix(".h") } ?? []

  @Test(arguments: [["-x", "c", "-std=c11"], ["-x", "c++", "-std=c++17"]])
  func everyHeaderCompilesAlone(language: [String]) throws {
    #expect(Self.headers.count >= 8)
    for header in Self.headers {
      try CPlugin.run(
        ["clang"] + language + [
          "-Wall", "-Wextra", "-Wpedantic", "-Werror", "-fsyntax-only", "-Wno-pragma-once-outside-header",
          "\(Self.include)/\(header)",
        ])
    }
  }

  /// Every function of the headers is exported, and nothing else is: an accidental export is a promise.
  @Test func theExportListIsWhatTheHeadersDeclare() throws {
    var declared: Set<String> = []
    for header in Self.headers {
      let text = try String(contentsOfFile: "\(Self.include)/\(header)", encoding: .utf8)
        .replacing(/\/\*(.|\n)*?\*\//, with: "").replacing(/#define(.*\\\n)*.*/, with: "")
      for match in text.matches(of: /\b([a-z_0-9]+)\([^()]*\)\s*(__attribute__[^;]*)?;/) {
        declared.insert(String(match.output.1))
      }
    }
    // The plugin's side of the contract, and types of functions.
    declared.subtract(["netisr_plugin_register", "netisr_plugin_unregister"])
    declared = declared.filter { !$0.hasSuffix("_t") }
    // The C library's, in front of which the host stands: a plugin's exit is a fault (ending.c).
    declared.formUnion(["exit", "_exit", "_Exit", "quick_exit", "pthread_exit"])
    let list = try String(contentsOfFile: "\(Fixtures.root)/Sources/NetISR/exports.dynlist", encoding: .utf8)
    let exported = Set(
      list.split(whereSeparator: { "{};\n ".contains($0) }).map(String.init).filter { !$0.contains("*") })
    #expect(declared == exported, "\(declared.symmetricDifference(exported).sorted())")
  }
}
