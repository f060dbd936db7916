import PluginInspector

/// A file that says what plugins may have, in YAML. All keys are optional:
///
///     strict: true                 # notes refuse: constructors, symbol collisions, sensitive imports
///     libraries: [libz.so.*]       # may be needed, beside those of the C library, the compilers and Swift
///     built-in-libraries: false    # ... or in their place
///     sensitive-imports:           # go before the built-in list; of several that fit, the first counts
///       abort: allow
///       socket: refuse             # strict or not
///       "pthread_*": report        # a note
///     built-in-imports: false      # without the built-in list
///
/// Names may be shell patterns (fnmatch(3)).
package enum PolicyFile {
  private static let keys = ["strict", "libraries", "built-in-libraries", "sensitive-imports", "built-in-imports"]

  /// Puts what a file says into a policy. Throws the first thing that is wrong, with its line.
  package static func read(_ path: String, into policy: inout InspectionPolicy) throws(ControlError) {
    let file = try YAMLFile(path)
    try file.takeEntries(of: keys) { (key, line, value) throws(ControlError) in
      switch key {
      case "strict": policy.isStrict = try file.truth(value, of: key)
      case "libraries": policy.allowedLibraryPatterns = try libraries(value, of: file)
      case "built-in-libraries":
        if try !file.truth(value, of: key) { (policy.allowedLibraries, policy.allowedLibraryPrefixes) = ([], []) }
      case "sensitive-imports": policy.importRules = try rules(value, of: file)
      case "built-in-imports": policy.reportsSensitiveImports = try file.truth(value, of: key)
      default: throw file.unknownKey(key, line, among: keys)
      }
    }
  }

  private static func libraries(_ number: Int32, of file: YAMLFile) throws(ControlError) -> [String] {
    guard case .list(let items) = file[number].content else {
      throw file.error(file[number].line, "libraries: expected a list of names, as in [libz.so.1]")
    }
    var patterns: [String] = []
    for item in items {
      let name = try file.text(item, of: "a library")
      guard !name.isEmpty, !name.utf8.contains(UInt8(ascii: "/")) else {
        throw file.error(file[item].line, "libraries: expected a name without a folder, found '\(name)'")
      }
      patterns.append(name)
    }
    return patterns
  }

  private static func rules(_ number: Int32, of file: YAMLFile) throws(ControlError) -> [ImportRule] {
    let verdicts = ImportRule.Verdict.allCases.map { ($0.rawValue, $0) }
    let expectation =
      "sensitive-imports: expected a map of names, each with one of "
      + verdicts.map(\.0).joined(separator: ", ")
    var rules: [ImportRule] = []
    try file.takeEntries(number, or: expectation) { (name, line, value) throws(ControlError) in
      guard !name.isEmpty else { throw file.error(line, "sensitive-imports: expected a name, found an empty text") }
      rules.append(ImportRule(pattern: name, verdict: try file.choice(value, of: name, verdicts)))
    }
    return rules
  }
}
