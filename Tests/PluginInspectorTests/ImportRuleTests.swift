import Testing

import PluginInspector

/// What an operator says of imports and libraries.
@Suite struct ImportRuleTests {
  private func report(_ rules: [ImportRule], builtIn: Bool = true, isStrict: Bool = false) throws -> InspectionReport {
    var policy = InspectionPolicy(isStrict: isStrict, isHostSanitized: false)
    policy.importRules = rules
    policy.reportsSensitiveImports = builtIn
    return Inspector(policy: policy).inspect(bytes: try Self.plugin.get(), fileName: "imports.so")
  }

  /// Imports abort and socket, of the built-in list, and getpid, which is not.
  private static let plugin = Result {
    try Workshop.bytes(
      Source.good(
        with: "if (socket(1, 1, 0) == getpid()) abort();",
        "#include <stdlib.h>\n#include <unistd.h>\n#include <sys/socket.h>"), ["-lc"])
  }

  @Test func `Without rules the built-in list reports`() throws {
    let report = try report([])
    #expect(report.verdict == .accepted)
    #expect(report.notes.map(\.check) == [.sensitiveImport, .sensitiveImport])
    #expect(Set(report.notes.map { String($0.message.prefix { $0 != ":" }) }) == ["abort", "socket"])
    #expect(try self.report([], isStrict: true).verdict == .refused)
    #expect(try self.report([], builtIn: false, isStrict: true).verdict == .accepted)
  }

  @Test func `A rule goes before the list, and the first rule before others`() throws {
    let allowed = try report(
      [.init(pattern: "abort", verdict: .allow), .init(pattern: "sock*", verdict: .allow)], isStrict: true)
    #expect(allowed.verdict == .accepted)
    #expect(allowed.notes == [])

    let refused = try report([
      .init(pattern: "getpid", verdict: .refuse), .init(pattern: "get*", verdict: .allow),
      .init(pattern: "*", verdict: .report),
    ])
    #expect(refused.verdict == .refused)
    #expect(
      refused.problems == [.init(check: .refusedImport, message: "getpid: the policy has 'getpid: refuse'")])
    #expect(refused.notes.contains { $0.message == "socket: the policy has '*: report'" })

    let other = try report([.init(pattern: "get*", verdict: .allow), .init(pattern: "getpid", verdict: .refuse)])
    #expect(other.problems == [])
  }

  @Test func `Patterns of libraries stand beside the list, or alone`() throws {
    let bytes = try Workshop.bytes(Source.good, ["-lc"])
    var policy = InspectionPolicy(allowedLibraries: [], allowedLibraryPrefixes: [], isHostSanitized: false)
    #expect(Inspector(policy: policy).inspect(bytes: bytes, fileName: "x.so").problems.map(\.check) == [.neededLibrary])
    policy.allowedLibraryPatterns = ["libc.so.[0-5]", "libm*"]
    #expect(Inspector(policy: policy).inspect(bytes: bytes, fileName: "x.so").verdict == .refused)
    policy.allowedLibraryPatterns.append("libc.so.?")
    #expect(Inspector(policy: policy).inspect(bytes: bytes, fileName: "x.so").problems == [])
  }
}
