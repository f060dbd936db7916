import EngineBench

/// What `netisr bench` prints.
enum BenchText {
  static func report(_ report: BenchReport) -> String {
    var table = TextTable([
      ("Form", .left), ("mbufs", .left), ("Original", .right), ("(best)", .right), ("Engine", .right),
      ("(best)", .right),
      ("Ratio", .right), ("(best)", .right), ("Budget", .right), ("Met", .left), ("CPUs", .left), ("Rounds", .right),
    ])
    for row in report.rows {
      let budget = [row.budget?.ofMedian.map(number), row.budget?.ofBest.map { "(\(number($0)))" }]
      let met = [row.meetsMedian.map(word), row.meetsBest.map { "(\(word($0)))" }]
      table.add([
        row.form.rawValue, row.supply.rawValue, number(row.baseline.median), number(row.baseline.best),
        number(row.engine.median), number(row.engine.best), number(row.ratio), number(row.bestRatio),
        budget.compactMap(\.self).joined(separator: " "), met.compactMap(\.self).joined(separator: " "),
        row.regime.rawValue + (row.roundTrip.map { " \(Int($0)) ns" } ?? ""), String(row.rounds),
      ])
    }
    return table.text
      + "ns per packet: median of the rounds (best). Budget: the part of the original's single call that is allowed.\n"
  }

  private static func word(_ flag: Bool) -> String { flag ? "yes" : "no" }

  /// With two digits after the point.
  static func number(_ value: Double) -> String {
    let hundredths = Int((value * 100).rounded())
    return "\(hundredths / 100).\(hundredths % 100 < 10 ? "0" : "")\(hundredths % 100)"
  }
}
