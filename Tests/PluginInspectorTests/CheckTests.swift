import Foundation
import Testing

import PluginInspector

/// Each check has files that fail it, and it alone.
@Suite struct CheckTests {
  let inspector = Inspector(policy: InspectionPolicy(isHostSanitized: false))
  let strict = Inspector(policy: InspectionPolicy(isStrict: true, isHostSanitized: false))

  @Test func `The good plugin that the others are made of has nothing wrong`() {
    let report = strict.inspect(bytes: goodPlugin, fileName: "good.so")
    #expect(report.problems == [])
    #expect(report.notes == [])
    #expect(report.verdict == .accepted)
    #expect(report.unload == .unmaps)
  }

  @Test(arguments: Sample.all)
  func `A sample fails its check and no other`(sample: Sample) throws {
    let bytes = try sample.make()
    let report = inspector.inspect(bytes: bytes, fileName: "sample.so")
    let checks = Set((report.problems + report.notes).map(\.check))
    #expect(checks == [sample.check], "\(report.problems) \(report.notes)")
    #expect(report.verdict == (sample.check.isNote ? .accepted : .refused))
    #expect(strict.inspect(bytes: bytes, fileName: "sample.so").verdict == .refused)
  }

  /// A check that got lost in a change would be missed by nobody but this test.
  @Test(arguments: InspectionCheck.allCases)
  func `Every check has a sample`(check: InspectionCheck) {
    // Owner, mode and signature are not in the bytes, and what an operator refuses is in no file that we have: PathTests,
    // SignatureTests and ImportRuleTests are about them.
    let elsewhere: Set<InspectionCheck> = [.permissions, .signature, .refusedImport]
    #expect(elsewhere.contains(check) != Sample.all.contains { $0.check == check })
  }

  @Test func `Check names are words with hyphens`() {
    for check in InspectionCheck.allCases {
      #expect(check.rawValue.allSatisfy { $0.isLowercase || $0 == "-" })
    }
  }

  @Test func `All problems are reported at once, with both values`() {
    let bytes = ELFPatcher.patch(goodPlugin) {
      $0.store(UInt32(16), at: $0.descriptor + 20)
      $0.store(UInt32(100), at: $0.descriptor + 12)
      $0.bytes[$0.executableSegment + ELFPatcher.flags] = 7
    }
    let report = inspector.inspect(bytes: bytes, fileName: "three.so")
    #expect(report.problems.map(\.check) == [.structSize, .protocolNumber, .writableExecutable])
    #expect(report.problems[0].message == "struct netisr_handler has 100 bytes, host has 104")
    #expect(report.problems[1].message == "expected a protocol from 1 to 15, found 16")
  }

  @Test func `Another major version names both, and nothing that it may have moved`() {
    let bytes = ELFPatcher.patch(goodPlugin) {
      $0.store(UInt16(2), at: $0.descriptor + 8)
      $0.store(UInt32(77), at: $0.descriptor + 12)
    }
    let report = inspector.inspect(bytes: bytes, fileName: "next.so")
    #expect(report.problems == [.init(check: .abiVersion, message: "ABI major 2, host has 1")])
  }

  @Test func `A thousand problems of a kind are counted, not listed`() throws {
    let names = (0..<1000).map { "nobody_\($0)" }
    let report = inspector.inspect(
      bytes: try Workshop.bytes(
        names.map { "void \($0)(void);\n" }.joined()
          + Source.good(with: names.map { "\($0)();" }.joined(separator: "\n"))),
      fileName: "many.so")
    #expect(report.problems.count == 33)
    #expect(report.problems.last?.message == "and 968 more of this kind")
  }
}
