import Foundation

/// Programs of the Swift toolchain.
enum Tool {
  /// Runs one to its end, and returns its standard output. It is looked for beside `swift`, then on the path.
  static func run(_ name: String, _ arguments: [String], input: String = "") throws -> [UInt8] {
    let process = Process()
    let beside = beside(name)
    process.executableURL = URL(fileURLWithPath: beside ?? "/usr/bin/env")
    process.arguments = beside == nil ? [name] + arguments : arguments
    let output = Pipe()
    process.standardOutput = output
    // By way of a file: a pipe would fill up while nobody reads the output.
    let file = FileManager.default.temporaryDirectory.appendingPathComponent("codegen-\(getpid())")
    try Data(input.utf8).write(to: file)
    defer { try? FileManager.default.removeItem(at: file) }
    process.standardInput = try FileHandle(forReadingFrom: file)
    try process.run()
    let bytes = output.fileHandleForReading.readDataToEndOfFile()
    process.waitUntilExit()
    guard process.terminationStatus == 0 else {
      throw Failure("\(name) ended with \(process.terminationStatus): it comes with the Swift toolchain")
    }
    return [UInt8](bytes)
  }

  private static func beside(_ name: String) -> String? {
    let folders = (ProcessInfo.processInfo.environment["PATH"] ?? "").split(separator: ":")
    guard let folder = folders.first(where: { FileManager.default.isExecutableFile(atPath: "\($0)/swift") }) else {
      return nil
    }
    let swift = URL(fileURLWithPath: "\(folder)/swift").resolvingSymlinksInPath()
    let path = swift.deletingLastPathComponent().appendingPathComponent(name).path
    return FileManager.default.isExecutableFile(atPath: path) ? path : nil
  }

  /// Names as they are written in Swift, without types' arguments and without what the optimiser made of them.
  static func demangle(_ names: [String]) throws -> [String] {
    guard !names.isEmpty else { return [] }
    let text = try run(
      "swift-demangle", ["--compact", "--simplified"], input: names.joined(separator: "\n") + "\n")
    let lines = String(decoding: text, as: UTF8.self).split(separator: "\n").map(String.init)
    guard lines.count == names.count else {
      throw Failure("swift-demangle: expected \(names.count) names, found \(lines.count)")
    }
    return lines.map { line in
      var rest = Substring(line)
      while let prefix = ["specialized ", "merged ", "static "].first(where: rest.hasPrefix) {
        rest = rest.dropFirst(prefix.count)
      }
      return String(rest)
    }
  }
}
