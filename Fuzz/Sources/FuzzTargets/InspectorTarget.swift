import ControlPlane
import PluginInspector

/// The inspector: the bytes of a file.
final class InspectorTarget: FuzzTarget {
  private let inspector = Inspector()

  func feed(_ input: [UInt8]) throws(FuzzFinding) { try Self.check(inspector.inspect(bytes: input, fileName: "input")) }

  /// A report that says what it should, and can be printed.
  ///
  /// - Parameter isStrict: notes refuse, too.
  static func check(_ report: InspectionReport, isStrict: Bool = false) throws(FuzzFinding) {
    if (report.verdict == .accepted) != (report.problems.isEmpty && !(isStrict && !report.notes.isEmpty)) {
      throw FuzzFinding("verdict \(report.verdict.rawValue), with problems: \(report.problems.map(\.message))")
    }
    if report.verdict == .accepted, report.name == nil || report.abi == nil {
      throw FuzzFinding("accepted, with name \(report.name ?? "none") and ABI \(report.abi.map { "\($0)" } ?? "none")")
    }
    if JSON.encode(report).first != UInt8(ascii: "{") { throw FuzzFinding("a report that is no JSON object") }
  }
}
