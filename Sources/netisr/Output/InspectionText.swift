import PluginInspector

/// An inspection's report for people.
enum InspectionText {
  /// A paragraph: the verdict, the facts, the problems and the notes.
  static func report(_ report: InspectionReport) -> String {
    var text = "\(report.file): \(report.verdict.rawValue)\n"
    for (title, value) in facts(report) {
      let lines = wrapped(value, width: 100).joined(separator: "\n" + String(repeating: " ", count: 13))
      text += "  " + title + String(repeating: " ", count: 11 - title.count) + lines + "\n"
    }
    text += findings("problems", report.problems) + findings("notes", report.notes)
    return text
  }

  /// One line: why it is refused.
  static func refusal(_ report: InspectionReport) -> String {
    let findings = report.problems.isEmpty ? report.notes : report.problems
    let reasons = findings.map { "\($0.check.rawValue): \($0.message)" }
    return "\(report.file): refused: \(reasons.joined(separator: "; "))"
  }

  private static func facts(_ report: InspectionReport) -> [(String, String)] {
    var facts: [(String, String)] = []
    if let name = report.name { facts.append(("name", name)) }
    if let abi = report.abi {
      facts.append(
        (
          "abi",
          "\(abi.major).\(abi.minor), protocol \(abi.proto), state version \(abi.stateVersion), "
            + "plugin version \(abi.pluginVersion)"
        ))
    }
    let resident = report.residentReasons.joined(separator: "; ")
    facts.append(("unload", report.unload.rawValue + (resident.isEmpty ? "" : ": \(resident)")))
    if let buildID = report.buildID { facts.append(("build-id", buildID)) }
    facts.append(("sha256", report.sha256))
    if let signedBy = report.signedBy { facts.append(("signed by", "key \(signedBy)")) }
    for (title, names) in [("imports", report.imports), ("exports", report.exports), ("needed", report.needed)] {
      facts.append((title, names.isEmpty ? "none" : names.joined(separator: " ")))
    }
    let hardening = report.hardening
    let measures =
      ["relro \(hardening.relro.rawValue)"] + (hardening.bindNow ? ["bind-now"] : [])
      + (hardening.canary ? ["canary"] : []) + (hardening.ibt ? ["ibt"] : []) + (hardening.shstk ? ["shstk"] : [])
      + (hardening.bti ? ["bti"] : []) + (hardening.pac ? ["pac"] : [])
    facts.append(("hardening", measures.joined(separator: ", ")))
    return facts
  }

  /// Words in lines of at most `width` letters, unless a word is longer.
  private static func wrapped(_ text: String, width: Int) -> [String] {
    var lines: [String] = [""]
    for word in text.split(separator: " ") {
      let line = lines[lines.count - 1]
      if line.isEmpty {
        lines[lines.count - 1] = String(word)
      } else if line.count + 1 + word.count <= width {
        lines[lines.count - 1] = line + " " + word
      } else {
        lines.append(String(word))
      }
    }
    return lines
  }

  private static func findings(_ title: String, _ findings: [InspectionReport.Finding]) -> String {
    guard !findings.isEmpty else { return "" }
    return "  \(title)\n" + findings.map { "    \($0.check.rawValue): \($0.message)\n" }.joined()
  }
}
