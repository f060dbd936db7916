/// What a form may cost at most, as a part of what the original's single call costs, in the same run and regime.
public struct Budget: Sendable, Encodable, Equatable {
  /// Of its median, compared with the engine's median.
  public var ofMedian: Double?
  /// Of its best, compared with the engine's best.
  public var ofBest: Double?

  /// The budget of a form; nil where there is none.
  init?(_ form: Form, _ supply: Supply, _ regime: Regime) {
    guard supply != .allocated else { return nil }
    switch (form, regime) {
    case (.direct, .local): ofMedian = 1.0
    case (.directBatch, .local): ofMedian = 0.75
    case (.hybrid, .local): ofMedian = 0.55
    case (.hybridBatch, .local): ofMedian = 0.40
    // The original has two states here, a fast one and one five times as slow; each is a bar.
    case (.deferred, .near): (ofMedian, ofBest) = (0.20, 0.65)
    case (.deferredBatch, .near): (ofMedian, ofBest) = (0.10, 0.40)
    case (.deferred, .far): ofMedian = supply == .sequential ? 0.75 : 0.22
    default: return nil
    }
  }
}
