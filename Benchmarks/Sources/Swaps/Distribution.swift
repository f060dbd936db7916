/// Durations, in ns.
struct Distribution: Encodable {
  private(set) var samples: [Double] = []

  mutating func add(_ nanoseconds: Double) { samples.append(nanoseconds) }

  /// The duration that a part of all does not exceed.
  func quantile(_ part: Double) -> Double {
    let sorted = samples.sorted()
    guard !sorted.isEmpty else { return .nan }
    return sorted[min(sorted.count - 1, Int((part * Double(sorted.count)).rounded(.up)) - 1)]
  }

  enum CodingKeys: String, CodingKey {
    case samples, p50, p99, max
  }

  func encode(to encoder: any Encoder) throws {
    var container = encoder.container(keyedBy: CodingKeys.self)
    try container.encode(samples.count, forKey: .samples)
    try container.encode(quantile(0.5), forKey: .p50)
    try container.encode(quantile(0.99), forKey: .p99)
    try container.encode(quantile(1), forKey: .max)
  }
}
