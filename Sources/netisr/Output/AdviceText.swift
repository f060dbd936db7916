import ControlPlane

/// Advice for people: what was found, and below it what to type.
enum AdviceText {
  /// All of it, or that there is none.
  static func report(_ report: AdviceReport) -> String {
    let head = "Advice, from \(report.handled) packets handled:\n"
    guard !report.advice.isEmpty else { return head + "  none\n" }
    return head
      + report.advice.map { item in
        "  \(item.kind.rawValue): \(item.finding)\n" + (item.command.map { "      \($0)\n" } ?? "")
      }.joined()
  }
}
