import Foundation
import Testing
import TestSupport

/// `netisr run` in the background, with a control socket of its own.
final class RunningHost {
  let socket: String
  let running: Command.Running

  /// Starts it and waits until it answers.
  init(
    _ bench: Workbench, _ arguments: [String] = [], socket name: String = "control", under prefix: [String] = [],
    program: String = Command.path
  ) throws {
    socket = bench.path + "/" + name
    running = try Command.start(
      ["run", "--plugins", bench.plugins, "--control", socket] + arguments, under: prefix, program: program)
    let process = running.process
    let answers = try eventually { try !process.isRunning || ask("get net.isr.dispatch").status == 0 }
    guard answers, process.isRunning else {
      process.terminate()
      process.waitUntilExit()
      throw Surprise(description: "netisr run: \(try running.result().error)")
    }
  }

  /// Runs `body` with a host that feeds a ping capture again and again, and ends it in order.
  static func with(_ bench: Workbench, _ arguments: [String] = [], _ body: (RunningHost) throws -> Void) throws {
    let capture = try bench.write(Captures.pcap(Captures.pingWithARP), as: "ping.pcap")
    let host = try RunningHost(bench, ["--interface", "file:\(capture)?loop"] + arguments)
    do {
      try body(host)
    } catch {
      host.running.process.terminate()
      host.running.process.waitUntilExit()
      throw error
    }
    let ended = try host.end()
    #expect(ended.status == 0, "\(ended.error)")
  }

  /// A command to this host.
  func ask(_ line: String, _ more: String...) throws -> Command.Result {
    try Command.run(line.split(separator: " ").map(String.init) + more + ["--control", socket])
  }

  /// Ends it by SIGTERM.
  func end() throws -> Command.Result {
    running.process.terminate()
    running.process.waitUntilExit()
    return try running.result()
  }

  /// The lines of `list --json`: those with that file name.
  func plugins(file: String) throws -> [[String: Any]] {
    let list = try ask("list --json").object()["plugins"] as? [[String: Any]] ?? []
    return list.filter { $0["file"] as? String == file }
  }

  /// Whether a file's plugin is in that state and generation.
  func shows(_ file: String, state: String, generation: Int) throws -> Bool {
    try plugins(file: file).contains { $0["state"] as? String == state && $0["generation"] as? Int == generation }
  }

  /// A figure of `stat --json`, by the keys on the way to it.
  func figure(_ keys: String...) throws -> Int {
    var value: Any? = try ask("stat --json").object()
    for key in keys { value = (value as? [String: Any])?[key] }
    return try #require(value as? Int, "\(keys)")
  }
}
