/// What the checks found so far.
///
/// A file can be wrong in a million places; a report names the first of each kind and counts the others.
struct Findings {
  private var listed: [InspectionReport.Finding] = []
  private var counts: [InspectionCheck: Int] = [:]
  private static let listedPerCheck = 32

  mutating func add(_ check: InspectionCheck, _ message: @autoclosure () -> String) {
    let count = (counts[check] ?? 0) + 1
    counts[check] = count
    if count <= Self.listedPerCheck { listed.append(.init(check: check, message: message())) }
  }

  func contains(_ check: InspectionCheck) -> Bool { counts[check] != nil }

  var problems: [InspectionReport.Finding] { all(notes: false) }
  var notes: [InspectionReport.Finding] { all(notes: true) }

  private func all(notes: Bool) -> [InspectionReport.Finding] {
    InspectionCheck.allCases.filter { $0.isNote == notes }.flatMap { check in
      let more = (counts[check] ?? 0) - Self.listedPerCheck
      return listed.filter { $0.check == check }
        + (more > 0 ? [.init(check: check, message: "and \(more) more of this kind")] : [])
    }
  }
}
