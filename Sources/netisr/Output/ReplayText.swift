import ControlPlane

/// A replay's report for people.
enum ReplayText {
  /// The captures, the pace, and the host's statistics.
  static func report(_ report: ReplayReport) -> String {
    var table = TextTable([
      ("File", .left), ("Link type", .left), ("Packets", .right), ("Bytes", .right), ("Entered", .right),
    ])
    for capture in report.captures {
      table.add([
        capture.file, capture.linktype, "\(capture.packets)", "\(capture.bytes)", "\(capture.entered)",
      ])
    }
    var text = "Captures:\n" + table.text
    for capture in report.captures where !capture.unsupported.isEmpty {
      let reasons = capture.unsupported.sorted { $0.key < $1.key }.map { "\($0.value) of \($0.key)" }
      text += "(\(capture.file): no protocol takes \(reasons.joined(separator: ", ")))\n"
    }
    text += "\(report.packets) packets in \(seconds(report.elapsed)) s, \(Int(report.packetsPerSecond)) per second, "
    text += "\(Int(report.nanosecondsPerPacket.rounded())) ns each\n\n"
    text += StatisticsText.all(report.statistics, interfaces: false)
    if report.leaked == 0 { text += "No mbufs were held when all plugins were unloaded.\n" }
    return text
  }

  /// "0.012345".
  private static func seconds(_ nanoseconds: UInt64) -> String {
    let microseconds = String(nanoseconds / 1000 % 1_000_000)
    return "\(nanoseconds / 1_000_000_000)." + String(repeating: "0", count: 6 - microseconds.count) + microseconds
  }
}
