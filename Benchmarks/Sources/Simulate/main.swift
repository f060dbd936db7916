import Foundation
import NetISR
import PacketIO
import Simulation

let usage = """
  usage: Simulate SEED [CAPTURE...]    plays flows through engines of 1 to 256 workstreams, and prints tables

  """

/// Packets of each scenario, and the flows that `uniform` and `zipf` choose from.
let packets = 400_000
let flows = 65_536

func print(_ title: String, _ columns: [String], _ rows: [[String]]) {
  print("\n\(title)\n")
  for row in [columns] + rows {
    print(
      row.enumerated().map { index, cell in
        let gap = String(repeating: " ", count: max(0, (index == 0 ? 14 : 11) - cell.count))
        return index == 0 ? cell + gap : gap + cell
      }.joined())
  }
}

func text(_ value: Double, _ digits: Int = 1) -> String { String(format: "%.\(digits)f", value) }
func percent(_ part: Double) -> String { text(100 * part, part < 0.1 ? 2 : 1) + " %" }

func figures(_ outcome: Outcome) -> [String] {
  precondition(outcome.isBalanced, "received is not handled and dropped")
  return [
    text(outcome.balance, 2), percent(Double(outcome.drops) / Double(outcome.packets)), text(outcome.delay.p50),
    text(outcome.delay.p99), text(outcome.delay.longest, 0), "\(outcome.watermark)", "\(outcome.violations)",
  ]
}

let columns = ["max/mean", "dropped", "delay p50", "p99", "longest", "watermark", "disorder"]

func simulate(seed: UInt64, captures: [String]) throws {
  print("seed \(seed), \(packets) packets, load 0.7, queue limit 256; delays in service times")
  var all = [
    Traffic.uniform(flows: flows, packets: packets, seed: seed),
    Traffic.zipf(1.0, flows: flows, packets: packets, seed: seed),
    Traffic.zipf(1.2, flows: flows, packets: packets, seed: seed),
    Traffic.pareto(1.1, active: 2048, packets: packets, seed: seed),
  ]
  if let real = try Traffic.captures(captures, packets: packets) { all.append(real) }
  for traffic in all {
    print(
      "FLOW, \(traffic.name): \(traffic.flowIDs.count) flows, the largest has \(percent(traffic.largestShare))",
      ["workstreams"] + columns,
      try (0...8).map { power in
        let count = 1 << power
        return ["\(count)"] + figures(try Scenario(workstreams: count).play(traffic))
      })
  }
  let mixed = all[3]
  print(
    "policies, \(mixed.name): SOURCE with 64 sources, CPU with a table of 128 entries", ["workstreams"] + columns,
    try [Policy.source, .flow, .cpu].flatMap { policy in
      try [8, 64, 256].map { count in
        var scenario = Scenario(workstreams: count)
        scenario.policy = policy
        return ["\(count) \(policy.name)"] + figures(try scenario.play(mixed))
      }
    })
  print(
    "another number of workers in the middle, \(mixed.name)",
    ["workstreams", "flows moved", "pause", "lost", "disorder"],
    try [(4, 5), (8, 16), (16, 15), (64, 65), (64, 128), (256, 128)].map { before, after in
      var scenario = Scenario(workstreams: before)
      scenario.thenWorkstreams = after
      // By what the smaller number can do.
      scenario.load = before > after ? 0.35 : 0.7
      scenario.queueLimit = 4096
      let outcome = try scenario.play(mixed)
      return [
        "\(before) -> \(after)", percent(outcome.movedFlows), text(outcome.pause), "\(outcome.drops)",
        "\(outcome.violations)",
      ]
    })
}

let arguments = Array(CommandLine.arguments.dropFirst())
guard let seed = arguments.first.flatMap({ UInt64($0) }) else {
  FileHandle.standardError.write(Data(usage.utf8))
  exit(64)
}
do {
  try simulate(seed: seed, captures: Array(arguments.dropFirst()))
} catch {
  FileHandle.standardError.write(Data("Simulate: \(error)\n".utf8))
  exit(1)
}
