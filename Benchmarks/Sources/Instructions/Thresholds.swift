import Foundation

/// What each workload may cost: kept in git, so that a change that costs more says so in its diff.
struct Thresholds: Codable {
  /// By how many percent the figures may be exceeded: other versions of the C library count a little differently.
  var tolerancePercent = 3.0
  /// Per packet, by workload.
  var instructions: [String: Double] = [:]
  /// Per packet, for every workload.
  var allocations = 0.0

  enum CodingKeys: String, CodingKey {
    case tolerancePercent = "tolerance_percent"
    case instructions = "instructions_per_packet"
    case allocations = "allocations_per_packet"
  }

  static func read(_ path: String) throws -> Thresholds {
    try JSONDecoder().decode(Thresholds.self, from: Data(contentsOf: URL(fileURLWithPath: path)))
  }

  func write(_ path: String) throws {
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.prettyPrinted, .sortedKeys]
    try (encoder.encode(self) + Data("\n".utf8)).write(to: URL(fileURLWithPath: path))
  }

  /// Why a cost is too high, or nil.
  func complaint(_ workload: Workload, _ cost: Cost) -> String? {
    guard let allowed = instructions[workload.rawValue] else { return "no threshold: run `make bench-update`" }
    var complaints: [String] = []
    if cost.instructions > allowed * (1 + tolerancePercent / 100) {
      complaints.append("more than \(allowed) instructions and \(tolerancePercent) %")
    }
    // What happens once may fall into the longer run: one allocation in 1,000 packets is not one per packet.
    if cost.allocations > allocations + 0.001 { complaints.append("more than \(allocations) allocations") }
    return complaints.isEmpty ? nil : complaints.joined(separator: ", ")
  }
}
