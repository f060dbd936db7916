import ArgumentParser
import ControlPlane
import PluginInspector

struct InspectCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "inspect",
    abstract: "Say what a plugin is and whether it may be loaded, without running any code of it.",
    discussion: """
      Every problem is named at once. The exit status is 1 if any file is refused or can't be read.

      EXAMPLES
          netisr inspect plugins.d/ip.so
          netisr inspect --json plugins.d/ip.so
          netisr inspect --strict plugins.d/*.so
          netisr inspect --keys /etc/netisr/keys --require-signatures plugins.d/*.so
      """)

  @Flag(help: "Print one JSON object: of one file its report, of several {\"files\": [...]}.")
  var json = false

  @OptionGroup(title: "Trust") var trust: TrustOptions

  @Argument(help: "Shared objects.")
  var files: [String]

  /// The reports of several files, and of which there is none.
  private struct Reports: Encodable {
    struct Unreadable: Encodable {
      var file: String
      var error: String
    }

    var files: [InspectionReport] = []
    var unreadable: [Unreadable] = []
  }

  func validate() throws {
    // ArgumentParser's own message for a missing FILE is good; an empty name would be a puzzle later on.
    if files.contains("") { throw ValidationError("FILE: expected a path, found an empty text") }
  }

  func run() throws {
    let policy = try orFail { () throws(ControlError) in try trust.configuration.inspectionPolicy() }
    let inspector = Inspector(policy: policy)
    var reports = Reports()
    var complaints: [String] = []
    for file in files {
      do throws(Inspector.ReadError) {
        let report = try inspector.inspect(path: file)
        reports.files.append(report)
        if report.verdict == .refused { complaints.append(InspectionText.refusal(report)) }
      } catch {
        reports.unreadable.append(.init(file: file, error: error.description))
        complaints.append(error.description)
      }
    }
    if !json {
      write(reports.files.map(InspectionText.report).joined(separator: "\n"), to: 1)
    } else if files.count > 1 {
      printJSON(reports)
    } else if let report = reports.files.first {
      printJSON(report)
    }
    for complaint in complaints { complain(complaint) }
    if !complaints.isEmpty { throw ExitCode.failure }
  }
}
