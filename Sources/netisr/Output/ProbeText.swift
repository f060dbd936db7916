import ControlPlane

/// A probe's report for people.
enum ProbeText {
  /// A paragraph: the verdict, what was done, why it is refused, and of a fault all that is known.
  static func report(_ report: ProbeReport) -> String {
    var text = "\(report.file): \(report.verdict.rawValue)\n"
    if let name = report.name { text += "  name       \(name), protocol \(report.proto ?? 0)\n" }
    text += "  sha256     \(report.sha256)\n"
    text += "  packets    \(report.packets) (seed \(report.seed)), in \(report.elapsed / 1_000_000) ms\n"
    if let leaked = report.leaked, leaked != 0 { text += "  leaked     \(leaked) mbufs, held when it was unloaded\n" }
    for reason in report.reasons { text += "  refused    \(reason)\n" }
    if let fault = report.fault { text += "\n" + FaultText.whole(fault) }
    return text
  }
}
