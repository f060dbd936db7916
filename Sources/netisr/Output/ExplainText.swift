import ControlPlane

/// An explanation for people.
enum ExplainText {
  /// Each frame and its way, and the sums.
  static func report(_ report: ExplainReport) -> String {
    let engine = report.configuration
    var text = "\(engine.threads) workstreams, dispatch \(engine.dispatch)\n"
    for capture in report.captures {
      text += "\(capture.file): \(capture.linktype), comes in by \(capture.interface), "
      text += "interface \(capture.interfaceIndex)"
      text += capture.frames == report.limit ? "; its first \(capture.frames) frames, see --limit\n" : "\n"
    }
    for item in report.frames { text += "\n" + frame(item, isOnly: report.captures.count == 1) }
    return text + "\n" + summary(report.summary)
  }

  private static func frame(_ frame: ExplainReport.Frame, isOnly: Bool) -> String {
    var text = "Frame \(frame.frame)" + (isOnly ? "" : " of \(frame.file)") + ", \(frame.bytes) bytes"
    text += frame.entry.map { ", for \($0)\n" } ?? "\n"
    if let refused = frame.refused { text += "  \(refused)\n" }
    var table = TextTable([("", .left), ("", .left), ("", .left), ("", .left)])
    for step in frame.steps {
      let place: String
      switch step.outcome {
      case "dropped": place = "dropped"
      default: place = step.workstream.map { "workstream \($0)" } ?? "at once"
      }
      table.add(["  " + step.name, step.policy ?? "-", place, step.why])
    }
    // Without the line of titles.
    return text + table.lines.dropFirst().map { $0 + "\n" }.joined()
  }

  private static func summary(_ summary: ExplainSummary) -> String {
    let text = "\(summary.frames) frames, \(summary.refused) of them for no protocol\n\n"
    guard summary.workstreams.contains(where: { $0.packets > 0 }) else {
      return text + "No workstream was selected: direct dispatch handles packets where they are received.\n\n"
        + protocols(summary)
    }
    var streams = TextTable([("WSID", .right), ("Packets", .right), ("Share", .right)])
    for item in summary.workstreams { streams.add(["\(item.wsid)", "\(item.packets)", percent(item.share)]) }
    return text + streams.text + "\n" + protocols(summary)
  }

  private static func protocols(_ summary: ExplainSummary) -> String {
    var table = TextTable([
      ("Name", .left), ("Packets", .right), ("Queued", .right), ("At once", .right), ("Dropped", .right),
      ("By workstream", .left), ("Groups", .right), ("Largest", .left), ("Share", .right),
    ])
    for item in summary.protocols {
      table.add([
        item.name, "\(item.packets)", "\(item.queued)", "\(item.atOnce)", "\(item.dropped)",
        item.workstreams.map { "\($0)" }.joined(separator: " "), "\(item.groups)", item.largest?.key ?? "-",
        item.largest.map { percent($0.share) } ?? "-",
      ])
    }
    return table.text
  }

  /// "12.3 %".
  private static func percent(_ share: Double) -> String {
    let tenths = Int((share * 1000).rounded())
    return "\(tenths / 10).\(tenths % 10) %"
  }
}
