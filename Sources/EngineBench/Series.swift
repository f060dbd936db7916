/// Samples of one quantity, in ns.
public struct Series: Sendable {
  /// In the order in which they were taken.
  public private(set) var samples: [Double] = []

  mutating func add(_ sample: Double) { samples.append(sample) }

  /// The middle one, or the mean of the two in the middle. There is at least one sample.
  public var median: Double { quantile(0.5) }

  /// The least. There is at least one sample.
  public var best: Double { samples.min() ?? .nan }

  /// The value below which a part of the samples lies, interpolated. There is at least one sample.
  public func quantile(_ part: Double) -> Double {
    let sorted = samples.sorted()
    guard let last = sorted.indices.last else { return .nan }
    let position = part * Double(last)
    let below = Int(position)
    let above = min(below + 1, last)
    return sorted[below] + (sorted[above] - sorted[below]) * (position - Double(below))
  }
}

/// Median and best of samples, in ns.
public struct Figure: Sendable, Encodable {
  /// The median.
  public var median: Double
  /// The least.
  public var best: Double

  init(_ series: Series) {
    median = series.median
    best = series.best
  }
}
