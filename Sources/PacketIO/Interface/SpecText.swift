/// The parts of an interface specification, before their meaning.
struct SpecText {
  struct Option {
    var name: Substring
    /// What follows "=", or nil without one.
    var value: Substring?
  }

  let text: String
  let scheme: Substring?
  let address: Substring
  let options: [Option]

  init(_ text: String) throws(InterfaceSpecError) {
    self.text = text
    var rest = text[...]
    var query: Substring = ""
    if let mark = rest.firstIndex(of: "?") {
      query = rest[rest.index(after: mark)...]
      rest = rest[..<mark]
    }
    // A colon behind a slash belongs to a path.
    if let colon = rest.firstIndex(of: ":"), !rest[..<colon].contains("/") {
      scheme = rest[..<colon]
      rest = rest[rest.index(after: colon)...]
    } else {
      scheme = nil
    }
    address = rest
    options = query.split(separator: "&").map { option in
      guard let equals = option.firstIndex(of: "=") else { return Option(name: option, value: nil) }
      return Option(name: option[..<equals], value: option[option.index(after: equals)...])
    }
    if address.isEmpty && scheme == nil { throw error("expected a path") }
    for (index, option) in options.enumerated() where options[..<index].contains(where: { $0.name == option.name }) {
      throw error("option \"\(option.name)\" is given twice")
    }
  }

  func error(_ problem: String) -> InterfaceSpecError {
    InterfaceSpecError(text: text, problem: problem)
  }

  func unknown(_ option: Option, accepted: [String]) -> InterfaceSpecError {
    error("unknown option \"\(option.name)\"; expected one of \(accepted.joined(separator: ", "))")
  }

  /// The value of an option as a number.
  func number(_ option: Option, in range: ClosedRange<UInt64>) throws(InterfaceSpecError) -> UInt64 {
    guard let value = option.value, let number = UInt64(value), range.contains(number) else {
      let found = option.value.map { "\"\($0)\"" } ?? "nothing"
      let upper = range.upperBound == .max ? "up" : "to \(range.upperBound)"
      throw error("option \"\(option.name)\": expected a number from \(range.lowerBound) \(upper), found \(found)")
    }
    return number
  }
}
