extension Host {
  /// The faults of plugins that are kept, oldest first.
  public func faultList() -> FaultList { FaultList(faults: faultLog.all) }

  /// One of them.
  public func fault(_ number: String) throws(ControlError) -> FaultSummary {
    guard let number = Int(number) else {
      throw ControlError(.badRequest, "fault: expected a number, found '\(number)'")
    }
    guard let fault = faultLog.fault(number) else {
      let known = faultLog.all.map(\.number)
      let range = known.isEmpty ? "there is none" : "there are \(known[0]) to \(known[known.count - 1])"
      throw ControlError(.notFound, "no fault \(number) is known: \(range)")
    }
    return fault
  }
}
