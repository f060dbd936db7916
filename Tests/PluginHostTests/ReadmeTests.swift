import CNetISR
import Foundation
import NetISR
import PluginHost
import TestSupport
import Testing

/// The handlers in the README compile as they stand there, load, and do what is said.
@Suite struct ReadmeTests {
  /// The first block of code in that language.
  private func block(_ language: String) throws -> String {
    let readme = try String(contentsOfFile: "\(Fixtures.root)/README.md", encoding: .utf8)
    let start = try #require(readme.range(of: "```\(language)\n"))
    let end = try #require(readme.range(of: "\n```", range: start.upperBound..<readme.endIndex))
    return String(readme[start.upperBound..<end.lowerBound]) + "\n"
  }

  private func serveARP(_ plugin: String) throws {
    try withHost(workers: false) { engine, host in
      let loaded = try host.load(plugin)
      #expect(loaded.name == "arpwatch" && loaded.proto == UInt32(NETISR_ARP))
      engine.withAttachedThread {
        for operation: UInt8 in [1, 2, 1] {
          let packet: [UInt8] = [0, 1, 8, 0, 6, 4, 0, operation] + [UInt8](repeating: 0, count: 20)
          #expect(netisr_dispatch(UInt32(NETISR_ARP), Harness.makeChain(packet, split: [3])) == 0)
        }
        #expect(netisr_dispatch(UInt32(NETISR_ARP), Harness.makeChain([0, 1])) == 0)
      }
      #expect(engine.counterValue(named: "arpwatch.requests") == 2)
      #expect(engine.mbufStatistics.mbufs.inFlight == 0)
      try host.unload("arpwatch")
      #expect(host.list().isEmpty, "it unmaps")
    }
  }

  @Test func theHandlerInC() throws {
    let source = try block("c")
    #expect(source.split(separator: "\n").count < 30)
    try Fixtures.withTemporaryDirectory { folder in
      try CPlugin.compile(source, to: "\(folder)/arpwatch.so", flags: ["-Wextra"])
      try serveARP("\(folder)/arpwatch.so")
    }
  }

  @Test(.enabled(if: SwiftPlugin.obstacle == nil, "skipped: \(SwiftPlugin.obstacle ?? "")"))
  func theHandlerInSwift() throws {
    let source = try block("swift")
    #expect(source.split(separator: "\n").count < 30)
    try Fixtures.withTemporaryDirectory { folder in
      try SwiftPlugin.compile(source, module: "arpwatch", to: "\(folder)/arpwatch.so")
      try serveARP("\(folder)/arpwatch.so")
    }
  }
}
