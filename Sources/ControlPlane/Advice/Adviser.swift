/// Looks for what could be better in a host's statistics: a pure function of them.
///
/// The rules know no more than the figures; each says which ones it goes by. How long a hand-over takes was measured on
/// virtual CPUs: 20 ns between near ones, 60 between far ones.
struct Adviser {
  /// Packets below which nothing is said of how they spread.
  static let least: UInt64 = 1000
  /// A hand-over to another CPU and back to the memory's owner, in nanoseconds.
  static let handOver = (near: 20.0, far: 60.0)
  /// Of the even share, from which a workstream is said to have too much.
  static let excess = 1.5
  /// Of its limit, from which a queue counts as nearly full, in percent.
  static let nearLimit = 80

  let statistics: HostStatistics
  let loads: [ProtocolLoad]

  init(_ statistics: HostStatistics) {
    self.statistics = statistics
    loads = statistics.protocols.map { ProtocolLoad($0, in: statistics) }
  }

  var threads: Int { statistics.configuration.threads }

  /// All advice, losses first, in the order of the protocols' numbers.
  func advice() -> [Advice] {
    loads.flatMap(queues) + imbalance() + loads.compactMap(placement) + needlessQueues() + accounting()
  }

  /// What to look at for the flows of the host's traffic: a capture that it reads, or the reader's own.
  var explainCommand: String {
    "netisr explain --running --summary \(statistics.interfaces.first?.file ?? "CAPTURE")"
  }

  private func accounting() -> [Advice] {
    guard !statistics.configuration.accounting else { return [] }
    return [
      Advice(
        kind: .accountingOff, name: nil,
        finding: "handlers are not timed: with accounting on, their time per packet, their longest call and queueing "
          + "delays would be known, and so which handlers are too small for workers, and which are worth one",
        command: "netisr set net.isr.accounting=1")
    ]
  }

  // MARK: Figures in words

  /// "12.3 %" of a fraction.
  static func percent(_ part: UInt64, of all: UInt64) -> String {
    guard all > 0 else { return "0 %" }
    let tenths = Int((Double(part) / Double(all) * 1000).rounded())
    if tenths == 0 && part > 0 { return "less than 0.1 %" }
    return tenths % 10 == 0 ? "\(tenths / 10) %" : "\(tenths / 10).\(tenths % 10) %"
  }

  /// Nanoseconds in the unit that fits.
  static func time(_ nanoseconds: Double) -> String {
    func tenths(_ value: Double) -> String {
      let tenths = Int((value * 10).rounded())
      return tenths % 10 == 0 ? "\(tenths / 10)" : "\(tenths / 10).\(tenths % 10)"
    }
    if nanoseconds < 10_000 { return "\(Int(nanoseconds.rounded())) ns" }
    if nanoseconds < 10_000_000 { return "\(tenths(nanoseconds / 1000)) us" }
    return "\(tenths(nanoseconds / 1_000_000)) ms"
  }
}
