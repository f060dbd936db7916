import Foundation
import FuzzTargets
import TestSupport
import Testing

/// Every first input of the fuzz targets, and everything that was ever found with them: none harms what takes it.
@Suite struct CorpusTests {
  /// The inputs of a target in a folder of `Fuzz`, in the order of their names.
  private func inputs(_ folder: String, _ target: String) throws -> [(name: String, bytes: [UInt8])] {
    let path = "\(Fixtures.root)/Fuzz/\(folder)/\(target)"
    guard FileManager.default.fileExists(atPath: path) else { return [] }
    return try FileManager.default.contentsOfDirectory(atPath: path).sorted().map { name in
      ("\(folder)/\(target)/\(name)", Array(try Data(contentsOf: URL(fileURLWithPath: "\(path)/\(name)"))))
    }
  }

  @Test(arguments: FuzzTargets.names)
  func inputsAreTaken(name: String) throws {
    let target = try FuzzTargets.make(name, plugins: Fixtures.products)
    let found = try inputs("Corpora", name)
    #expect(!found.isEmpty, "no corpus of \(name)")
    for input in try found + inputs("Regressions", name) {
      do throws(FuzzFinding) {
        try target.feed(input.bytes)
      } catch {
        Issue.record("\(input.name): \(error)")
      }
    }
  }

  @Test func unknownTargetsAreNamed() {
    let error = #expect(throws: FuzzFinding.self) {
      _ = try FuzzTargets.make("cheese", plugins: Fixtures.products)
    }
    #expect(error?.description.hasSuffix("found 'cheese'") == true)
  }
}
