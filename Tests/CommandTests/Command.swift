import Foundation
import TestSupport

/// The real `netisr`, run as a process of its own.
struct Command {
  /// The program that was built with these tests.
  static let path = Fixtures.products + "/netisr"

  /// What came of a run.
  struct Result {
    var status: Int32
    var output: String
    var error: String

    /// The lines on standard error.
    var complaints: [String] { error.split(separator: "\n").map(String.init) }

    /// Standard output as one JSON object.
    func object() throws -> [String: Any] {
      guard let object = try JSONSerialization.jsonObject(with: Data(output.utf8)) as? [String: Any] else {
        throw Surprise(description: "expected a JSON object, found: \(output)")
      }
      return object
    }
  }

  /// Runs it to its end.
  static func run(_ arguments: [String], in directory: String? = nil) throws -> Result {
    let process = try start(arguments, in: directory)
    process.process.waitUntilExit()
    return try process.result()
  }

  /// Runs it with the words of a line; none of them has a space in it.
  static func run(_ line: String, _ more: String...) throws -> Result {
    try run(line.split(separator: " ").map(String.init) + more)
  }

  /// A process and the files that take what it prints, so that no pipe can fill up.
  struct Running {
    let process: Process
    let output: URL
    let error: URL

    func result() throws -> Result {
      defer { for file in [output, error] { try? FileManager.default.removeItem(at: file) } }
      return Result(
        status: process.terminationReason == .exit ? process.terminationStatus : -process.terminationStatus,
        output: try String(contentsOf: output, encoding: .utf8), error: try String(contentsOf: error, encoding: .utf8))
    }
  }

  /// Starts it.
  ///
  /// - Parameter prefix: a command that runs another, and its arguments.
  static func start(
    _ arguments: [String], in directory: String? = nil, under prefix: [String] = [], program: String = path
  ) throws -> Running {
    let process = Process()
    process.executableURL = URL(fileURLWithPath: prefix.isEmpty ? program : "/usr/bin/env")
    process.arguments = prefix.isEmpty ? arguments : prefix + [program] + arguments
    if let directory { process.currentDirectoryURL = URL(fileURLWithPath: directory) }
    let base = URL(fileURLWithPath: NSTemporaryDirectory()).appendingPathComponent("netisr-test-\(UUID().uuidString)")
    let (output, error) = (base.appendingPathExtension("out"), base.appendingPathExtension("err"))
    for file in [output, error] { try Data().write(to: file) }
    process.standardInput = FileHandle.nullDevice
    process.standardOutput = try FileHandle(forWritingTo: output)
    process.standardError = try FileHandle(forWritingTo: error)
    try process.run()
    return Running(process: process, output: output, error: error)
  }
}

/// Polls until `condition` holds; false after 60 seconds.
func eventually(_ condition: () throws -> Bool) rethrows -> Bool {
  for _ in 0..<600 {
    if try condition() { return true }
    usleep(100_000)
  }
  return try condition()
}

/// Something that a test can't go on with.
struct Surprise: Error, CustomStringConvertible {
  let description: String
}
