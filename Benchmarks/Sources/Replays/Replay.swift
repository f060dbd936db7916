import Foundation

/// `netisr replay`, run as a program.
struct Replay {
  let netisr: String
  let plugins: String
  /// How often a capture is read.
  let loops: Int
  let rounds: Int

  /// ns per packet: the median of the rounds.
  func cost(_ files: [String], _ arguments: [String] = [], plugins: String? = nil) throws -> Double {
    let samples = try (0..<rounds).map { _ in
      let report = try run(
        ["replay", "--json", "--plugins", plugins ?? self.plugins, "--loop", String(loops)] + arguments + files)
      guard report.conservation.balanced else { throw Failure("received is not handled + dropped + queued") }
      return report.elapsed / Double(report.captures.reduce(0) { $0 + $1.packets })
    }
    return samples.sorted()[rounds / 2]
  }

  private struct Report: Decodable {
    struct Capture: Decodable {
      let packets: Int
    }
    struct Conservation: Decodable {
      let balanced: Bool
    }
    let captures: [Capture]
    let elapsed: Double
    let conservation: Conservation

    enum CodingKeys: String, CodingKey {
      case captures, conservation
      case elapsed = "elapsed_ns"
    }
  }

  private func run(_ arguments: [String]) throws -> Report {
    let process = Process()
    process.executableURL = URL(fileURLWithPath: netisr)
    process.arguments = arguments
    let pipe = Pipe()
    process.standardOutput = pipe
    process.standardError = FileHandle.nullDevice
    try process.run()
    let output = pipe.fileHandleForReading.readDataToEndOfFile()
    process.waitUntilExit()
    guard process.terminationStatus == 0 else { throw Failure("netisr \(arguments.joined(separator: " ")) failed") }
    return try JSONDecoder().decode(Report.self, from: output)
  }
}
