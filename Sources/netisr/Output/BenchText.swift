import EngineBench

/// What `netisr bench` prints.
enum BenchText {
  static func report(_ report: BenchReport) -> String {
    var parts: [String] = []
    if !report.rows.isEmpty { parts.append(dispatch(report.rows)) }
    if let row = report.twoSenders {
      parts.append(
        "Two senders of one protocol, deferred, ns per packet (\(row.regime.rawValue)): original "
          + "\(text(row.baseline)), engine \(text(row.engine))\n")
    }
    if let rows = report.memory { parts.append(memory(rows)) }
    if let rows = report.scaling { parts.append(scaling(rows)) }
    if let row = report.latency { parts.append(latency(row)) }
    if let row = report.idle {
      parts.append(
        "CPU use when idle, over \(number(row.seconds)) s: \(thousandths(row.cpu * 100)) % of one CPU; with workers that poll "
          + "\(number(row.polling * 100)) %\n")
    }
    return parts.joined(separator: "\n")
  }

  private static func dispatch(_ rows: [DispatchRow]) -> String {
    var table = TextTable([
      ("Form", .left), ("mbufs", .left), ("Original", .right), ("(best)", .right), ("Engine", .right),
      ("(best)", .right), ("Ratio", .right), ("(best)", .right), ("Budget", .right), ("Met", .left), ("CPUs", .left),
      ("Rounds", .right),
    ])
    for row in rows {
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

  private static func memory(_ rows: [MemoryRow]) -> String {
    var table = TextTable([
      ("Memory", .left), ("Same thread", .right), ("(best)", .right), ("Across", .right), ("(best)", .right),
      ("CPUs", .left),
    ])
    for row in rows {
      table.add([
        row.kind, number(row.same.median), number(row.same.best), row.across.map { number($0.median) } ?? "-",
        row.across.map { number($0.best) } ?? "-", row.regime.rawValue,
      ])
    }
    return table.text + "ns to take one and give it back.\n"
  }

  private static func scaling(_ rows: [ScalingRow]) -> String {
    var table = TextTable([
      ("Handler", .right), ("Original: one", .right), ("two", .right), ("speedup", .right), ("Engine: one", .right),
      ("two", .right), ("speedup", .right), ("CPUs", .left), ("Rounds", .right),
    ])
    for row in rows {
      table.add([
        "\(row.handlerTime) ns", number(row.baseline[0].median), number(row.baseline[1].median),
        number(row.baselineSpeedup), number(row.engine[0].median), number(row.engine[1].median),
        number(row.engineSpeedup), row.regime.rawValue + (row.roundTrip.map { " \(Int($0)) ns" } ?? ""),
        String(row.rounds),
      ])
    }
    return table.text
      + "ns per packet on one CPU and on two, run to completion, half of the packets remote. Speedup: of the medians.\n"
  }

  private static func latency(_ row: LatencyRow) -> String {
    var table = TextTable([("Worker", .left), ("p50", .right), ("p99", .right), ("max", .right)])
    for (name, figures) in [
      ("original, asleep", row.baseline), ("engine, asleep", row.engine), ("engine, polling", row.polling),
    ] {
      table.add([name, String(Int(figures.p50)), String(Int(figures.p99)), String(Int(figures.max))])
    }
    return table.text + "ns from deferred dispatch to the handler, \(row.packets) packets at 1,000 a second.\n"
  }

  private static func text(_ figure: Figure) -> String { "\(number(figure.median)) (best \(number(figure.best)))" }

  private static func word(_ flag: Bool) -> String { flag ? "yes" : "no" }

  /// With three digits after the point.
  private static func thousandths(_ value: Double) -> String {
    let digits = String(Int((value * 1000).rounded()) % 1000)
    return "\(Int((value * 1000).rounded()) / 1000).\(String(repeating: "0", count: 3 - digits.count))\(digits)"
  }

  /// With two digits after the point.
  private static func number(_ value: Double) -> String {
    let hundredths = Int((value * 100).rounded())
    return "\(hundredths / 100).\(hundredths % 100 < 10 ? "0" : "")\(hundredths % 100)"
  }
}
