// Maps whose keys are known, and values that are one of a few.

extension YAMLFile {
  /// Takes the entries of the map that a file is, in its order; none of an empty file. Throws when a key comes twice.
  func takeEntries(
    of keys: [String], _ take: (_ key: String, _ line: Int, _ value: Int32) throws(ControlError) -> Void
  ) throws(ControlError) {
    guard let root else { return }
    try takeEntries(root, or: "expected a map of \(keys.joined(separator: ", "))", take)
  }

  /// Takes the entries of a map, in its order. Throws `expectation` for a node that is no map, and when a key comes twice.
  func takeEntries(
    _ number: Int32, or expectation: String,
    _ take: (_ key: String, _ line: Int, _ value: Int32) throws(ControlError) -> Void
  ) throws(ControlError) {
    guard case .map(let pairs) = self[number].content else { throw error(self[number].line, expectation) }
    var seen: Set<String> = []
    for pair in pairs {
      let (key, line) = (try text(pair.key, of: "a key"), self[pair.key].line)
      guard seen.insert(key).inserted else { throw error(line, "\(key) is given twice") }
      try take(key, line, pair.value)
    }
  }

  /// One of several texts, as what it stands for.
  func choice<Value>(
    _ number: Int32, of key: String, _ choices: [(String, Value)]
  ) throws(ControlError) -> Value {
    let text = try text(number, of: key)
    guard let choice = choices.first(where: { $0.0 == text }) else {
      let names = choices.map(\.0)
      let hint = NearMiss.best(for: text, among: names).map { "; did you mean '\($0)'?" } ?? ""
      throw error(
        self[number].line, "\(key): expected one of \(names.joined(separator: ", ")), found '\(text)'\(hint)")
    }
    return choice.1
  }

  /// `true` or `false`.
  func truth(_ number: Int32, of key: String) throws(ControlError) -> Bool {
    try choice(number, of: key, [("true", true), ("false", false)])
  }

  /// A key that nobody knows, with the one that may be meant.
  func unknownKey(_ key: String, _ line: Int, among keys: [String]) -> ControlError {
    let hint =
      NearMiss.best(for: key, among: keys).map { "did you mean '\($0)'?" }
      ?? "expected one of \(keys.joined(separator: ", "))"
    return error(line, "unknown key '\(key)'; \(hint)")
  }
}
