import Foundation
import NetISR

let usage = """
  usage: Swaps [--json] [ROUNDS]
         Loads, swaps and unloads a plugin under full load, ROUNDS times (1 to 2,000; 1,000), with direct, hybrid and deferred
         dispatch: one sender, one worker. Prints what it takes: median, 99 of 100, and the longest, in us.

  """

/// A line of the table.
func line(_ name: String, _ distribution: Distribution) -> String {
  let figures = [0.5, 0.99, 1].map { String(format: "%10.1f", distribution.quantile($0) / 1000) }
  return "  " + name.padding(toLength: 34, withPad: " ", startingAt: 0) + figures.joined()
}

var arguments = Array(CommandLine.arguments.dropFirst())
let isJSON = arguments.first == "--json"
if isJSON { arguments.removeFirst() }
guard arguments.count <= 1, let rounds = Int(arguments.first ?? "1000"), (1...Probe.windows / 2).contains(rounds) else {
  FileHandle.standardError.write(Data(usage.utf8))
  exit(64)
}
do {
  let folder = FileManager.default.temporaryDirectory.appendingPathComponent("swaps-\(getpid())")
  try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
  defer { try? FileManager.default.removeItem(at: folder) }
  let probe = Probe()
  let builds = (1...2).map { folder.appendingPathComponent("build\($0).so").path }
  for (index, path) in builds.enumerated() { try probe.compile(build: index + 1, to: path) }
  var all: [Measurement] = []
  if !isJSON { print("us, \(rounds) rounds" + String(repeating: " ", count: 18) + "         p50       p99       max") }
  for (policy, name) in [(Dispatch.direct, "direct"), (.hybrid, "hybrid"), (.deferred, "deferred")] {
    let measurement = try Measurement(policy, name, rounds: rounds, probe: probe, builds: builds)
    all.append(measurement)
    if isJSON { continue }
    print(name)
    print(line("grace period", measurement.gracePeriod))
    print(line("longest gap around a swap", measurement.swapGap))
    print(line("longest gap without one", measurement.quietGap))
    print(line("swap, until the old is unmapped", measurement.swap))
    print(line("unload, until it is unmapped", measurement.unload))
    print(line("load, until it serves", measurement.load))
  }
  if isJSON { print(String(decoding: try JSONEncoder().encode(all), as: UTF8.self)) }
} catch {
  FileHandle.standardError.write(Data("Swaps: \(error)\n".utf8))
  exit(1)
}
