import Foundation

let usage = """
  usage: Instructions check THRESHOLDS    compare with the thresholds; exit status 1 when one is exceeded
         Instructions update THRESHOLDS   write them
         Instructions run WORKLOAD COUNT  do it so many times (what valgrind looks at)
         WORKLOAD: \(Workload.allCases.map(\.rawValue).joined(separator: ", "))

  """

/// Counts all workloads and prints them; returns whether all keep the thresholds.
func check(_ thresholds: Thresholds) throws -> Bool {
  var isKept = true
  print("per packet       instructions  threshold  allocations")
  for workload in Workload.allCases {
    let cost = try workload.cost()
    let allowed = thresholds.instructions[workload.rawValue] ?? .nan
    let complaint = thresholds.complaint(workload, cost)
    if complaint != nil { isKept = false }
    let name = workload.rawValue.padding(toLength: 15, withPad: " ", startingAt: 0)
    print(
      name + String(format: "%14.1f %10.1f %12.3f", cost.instructions, allowed, cost.allocations)
        + (complaint.map { "  \($0)" } ?? ""))
  }
  return isKept
}

let arguments = Array(CommandLine.arguments.dropFirst())
do {
  switch (arguments.first, arguments.count) {
  case ("check", 2):
    exit(try check(Thresholds.read(arguments[1])) ? 0 : 1)
  case ("update", 2):
    var thresholds = (try? Thresholds.read(arguments[1])) ?? Thresholds()
    thresholds.instructions = [:]
    for workload in Workload.allCases {
      thresholds.instructions[workload.rawValue] = (try workload.cost().instructions * 10).rounded() / 10
    }
    try thresholds.write(arguments[1])
  case ("run", 3):
    guard let workload = Workload(rawValue: arguments[1]), let count = Int(arguments[2]), count > 0 else { fallthrough }
    try workload.run(count: count)
  default:
    FileHandle.standardError.write(Data(usage.utf8))
    exit(64)
  }
} catch {
  FileHandle.standardError.write(Data("Instructions: \(error)\n".utf8))
  exit(1)
}
