import Foundation

/// What one execution of a workload costs.
struct Cost {
  var instructions: Double
  /// Calls of malloc and its kind.
  var allocations: Double
}

/// Something that went wrong.
struct Failure: Error, CustomStringConvertible {
  let description: String

  init(_ description: String) { self.description = description }
}

// Nanoseconds tell one machine from another; instructions tell one commit from the one before, on any machine with the same
// kind of CPU. They are counted by valgrind: this program runs itself twice under each tool, with one number of packets
// and with three times as many, so that what happens once at the start falls out.

extension Workload {
  /// Executions in the shorter run; what happens once a ring, such as waking the worker, is spread over 1,024 of them.
  private static let count = 20 * 1024

  func cost() throws -> Cost {
    Cost(
      instructions: try difference(["--tool=callgrind", "--callgrind-out-file=/dev/null"], after: "Collected :"),
      allocations: try difference(
        ["--tool=memcheck", "--undef-value-errors=no", "--leak-check=no"], after: "total heap usage:"))
  }

  /// What a figure of valgrind's summary grows by for one more execution.
  private func difference(_ tool: [String], after label: String) throws -> Double {
    let short = try figure(tool, after: label, count: Self.count)
    let long = try figure(tool, after: label, count: 3 * Self.count)
    return Double(long - short) / Double(2 * Self.count)
  }

  /// The first number behind a label in valgrind's summary.
  private func figure(_ tool: [String], after label: String, count: Int) throws -> Int {
    let process = Process()
    process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
    process.arguments = ["valgrind"] + tool + [CommandLine.arguments[0], "run", rawValue, String(count)]
    let pipe = Pipe()
    process.standardError = pipe
    try process.run()
    let summary = String(decoding: pipe.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
    process.waitUntilExit()
    guard process.terminationStatus == 0, let place = summary.range(of: label) else {
      throw Failure("\(rawValue): expected '\(label)' from valgrind \(tool[0]), found: \(summary)")
    }
    let digits = summary[place.upperBound...].drop { $0 == " " }.prefix { $0.isNumber || $0 == "," }
    guard let number = Int(digits.filter(\.isNumber)) else {
      throw Failure("\(rawValue): expected a number after '\(label)', found '\(digits)'")
    }
    return number
  }
}
