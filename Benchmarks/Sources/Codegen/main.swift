import CodegenControl
import Foundation

let usage = """
  usage: Codegen PROGRAM
         Looks at the machine code of the engine in a release build of `netisr`: no reference counting, no allocation, no
         exclusivity check, no lazy initialisation, no locked instruction and no call on a packet's way, other than those
         that are listed with a reason. Exit status 1 when there is one, or when the check does not find what is put before it.

  """

/// Whether the check finds what is known to be in this program's own functions.
func checkControls() throws -> Bool {
  guard unsafe Set(controls).count == Control.all.count else { throw Failure("the list of controls is not complete") }
  let own = try FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/exe")
  let listing = try Listing(of: own)
  let complaints = try Control.all.compactMap { try $0.complaint(listing) }
  for complaint in complaints { print("the check itself: \(complaint)") }
  if complaints.isEmpty { print("controls: all \(Control.all.count) as expected") }
  return complaints.isEmpty
}

/// Whether nothing forbidden is on a packet's way.
func check(_ program: String) throws -> Bool {
  let rules = Rules.engine
  let walk = try Walk(Listing(of: program), rules)
  for finding in walk.findings {
    print("\(finding.kind.rawValue) in \(finding.function): \(finding.instruction.text.replacing("\t", with: " "))")
    if !finding.path.isEmpty { print("    from \(finding.path.joined(separator: " > "))") }
  }
  let idle = (rules.cold.map(\.pattern) + rules.permits.map(\.pattern)).filter { !walk.used.contains($0) }
  if !idle.isEmpty { print("not needed by this build: \(idle.joined(separator: ", "))") }
  print("\(program): \(walk.visited.count) functions on a packet's way, \(walk.findings.count) findings")
  return walk.findings.isEmpty
}

let arguments = CommandLine.arguments.dropFirst()
do {
  guard let program = arguments.first, arguments.count == 1 else {
    FileHandle.standardError.write(Data(usage.utf8))
    exit(64)
  }
  let isSound = try checkControls()
  let isClean = try check(program)
  exit(isSound && isClean ? 0 : 1)
} catch {
  FileHandle.standardError.write(Data("Codegen: \(error)\n".utf8))
  exit(1)
}
