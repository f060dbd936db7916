import Foundation
import TestSupport
import Testing

@testable import FuzzTargets

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

  /// A router says that neighbours answer within a minute, and none ever does: thousands of packets wait, over many
  /// inputs, and go in the end.
  @Test func packetsThatWaitAreNoLeak() throws {
    func packet(from source: [UInt8], to destination: [UInt8], _ message: [UInt8]) -> [UInt8] {
      [0x60, 0, 0, 0, 0, UInt8(message.count), 58, 255] + source + destination + message
    }
    func address(_ first: [UInt8], _ last: [UInt8]) -> [UInt8] {
      first + [UInt8](repeating: 0, count: 16 - first.count - last.count) + last
    }
    let target = try FuzzTargets.make("ip6", plugins: Fixtures.products)
    let advertisement = packet(
      from: address([0xfe, 0x80], [7]), to: address([0xff, 2], [1]),
      [134, 0, 0, 0, 64, 0, 0x07, 0x08, 0, 0, 0, 0, 0, 0, 0xea, 0x60])
    let station: UInt8 = 1
    try target.feed(PacketScript.encode(advertisement, interface: station | 8))
    for number in 0..<320 {
      let echo = packet(
        from: address([0x20, 1, 0x0d, 0xb8], [1, UInt8(number >> 8), UInt8(number & 0xff)]),
        to: address([0x20, 1, 0x0d, 0xb8], [1]), [128, 0, 0, 0, 0, 1, 0, 1])
      let script = PacketScript.encode(echo, interface: station)
      try target.feed(Array(repeatElement(script, count: 16).joined()))
    }
  }

  @Test func unknownTargetsAreNamed() {
    let error = #expect(throws: FuzzFinding.self) {
      _ = try FuzzTargets.make("cheese", plugins: Fixtures.products)
    }
    #expect(error?.description.hasSuffix("found 'cheese'") == true)
  }
}
