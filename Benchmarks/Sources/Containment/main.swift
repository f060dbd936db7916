import Foundation

// The same measurement by two builds of netisr, in turns, so that what the machine does meanwhile is done to both.
// Usage: Containment GUARDED UNGUARDED [ROUNDS]

struct Report: Decodable {
  struct Row: Decodable {
    var form: String
    var supply: String
    var regime: String
    /// The median of the rounds that `netisr bench` ran.
    var nsPerPacket: Double

    enum CodingKeys: String, CodingKey {
      case form, supply, regime
      case nsPerPacket = "ns_per_packet"
    }
  }

  var rows: [Row]
}

struct Failure: Error, CustomStringConvertible {
  let description: String
}

let forms = ["direct", "direct_batch", "hybrid", "hybrid_batch", "deferred", "deferred_batch"]

func measure(_ netisr: String) throws -> [Report.Row] {
  let process = Process()
  process.executableURL = URL(fileURLWithPath: netisr)
  process.arguments = ["bench", "--json", "--rounds", "3"] + forms
  let pipe = Pipe()
  process.standardOutput = pipe
  try process.run()
  let text = pipe.fileHandleForReading.readDataToEndOfFile()
  process.waitUntilExit()
  guard process.terminationStatus == 0 else {
    throw Failure(description: "\(netisr) bench: expected exit status 0, found \(process.terminationStatus)")
  }
  return try JSONDecoder().decode(Report.self, from: text).rows
}

func median(_ values: [Double]) -> Double {
  let sorted = values.sorted()
  let middle = sorted.count / 2
  return sorted.count % 2 == 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2
}

func padded(_ text: String, _ width: Int) -> String {
  text.padding(toLength: width, withPad: " ", startingAt: 0)
}

let arguments = CommandLine.arguments
guard (3...4).contains(arguments.count), let rounds = Int(arguments.count == 4 ? arguments[3] : "9"), rounds > 0 else {
  FileHandle.standardError.write(Data("usage: Containment GUARDED UNGUARDED [ROUNDS]\n".utf8))
  exit(64)
}
do {
  /// Figures by form and supply: of the build that contains, and of the other.
  var figures: [String: (guarded: [Double], unguarded: [Double])] = [:]
  var order: [String] = []
  for round in 0..<rounds {
    for isGuarded in round % 2 == 0 ? [true, false] : [false, true] {
      for row in try measure(arguments[isGuarded ? 1 : 2]) {
        // Each round may find the CPUs near or far.
        let name = padded(row.form, 16) + padded(row.supply, 12) + padded(row.regime, 8)
        if figures[name] == nil { order.append(name) }
        if isGuarded {
          figures[name, default: ([], [])].guarded.append(row.nsPerPacket)
        } else {
          figures[name, default: ([], [])].unguarded.append(row.nsPerPacket)
        }
      }
    }
  }
  print("ns per packet, medians of \(rounds) rounds, in turns")
  print(padded("form", 16) + padded("supply", 12) + padded("regime", 8) + "contained   plain   difference")
  for name in order.sorted(by: { forms.firstIndex(of: form($0))! < forms.firstIndex(of: form($1))! }) {
    let (guarded, unguarded) = figures[name]!
    guard !guarded.isEmpty, !unguarded.isEmpty else { continue }
    let (with, without) = (median(guarded), median(unguarded))
    print(name + String(format: "%9.2f%8.2f%13.2f", with, without, with - without))
  }
} catch {
  FileHandle.standardError.write(Data("\(error)\n".utf8))
  exit(1)
}

func form(_ name: String) -> String { String(name.prefix { $0 != " " }) }
