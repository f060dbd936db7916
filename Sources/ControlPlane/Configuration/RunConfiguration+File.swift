import Logging

extension RunConfiguration {
  private static let keys = [
    "plugins", "control", "dispatch", "threads", "bind", "poll", "faults", "log-level", "interfaces", "settings",
  ]

  /// Reads a configuration file: YAML, with the names of the options of `netisr run` and a map of settings. Throws the
  /// first thing that is wrong, with its line; then nothing of the file counts.
  public init(file path: String) throws(ControlError) {
    let file = try YAMLFile(path)
    guard let root = file.root else { return }
    guard case .map(let pairs) = file[root].content else {
      throw file.error(file[root].line, "expected a map of \(Self.keys.joined(separator: ", "))")
    }
    var seen: Set<String> = []
    for pair in pairs {
      let key = try file.text(pair.key, of: "a key")
      guard seen.insert(key).inserted else { throw file.error(file[pair.key].line, "\(key) is given twice") }
      try take(key, file[pair.key].line, pair.value, of: file)
    }
  }

  private mutating func take(_ key: String, _ line: Int, _ value: Int32, of file: YAMLFile) throws(ControlError) {
    switch key {
    case "plugins": plugins = try file.text(value, of: key)
    case "control": control = try file.text(value, of: key)
    case "dispatch":
      dispatch = try Self.choice(value, of: key, file, Host.GlobalDispatch.allCases.map { ($0.rawValue, $0) })
    case "threads":
      let text = try file.text(value, of: key)
      guard let number = Int(text), (1...256).contains(number) else {
        throw file.error(file[value].line, "threads: expected 1 to 256, found '\(text)'")
      }
      threads = number
    case "bind": bind = try Self.choice(value, of: key, file, [("true", true), ("false", false)])
    case "poll": poll = try Self.choice(value, of: key, file, [("true", true), ("false", false)])
    case "faults": faults = try file.text(value, of: key)
    case "log-level":
      logLevel = try Self.choice(value, of: key, file, Logger.Level.allCases.map { ($0.rawValue, $0) })
    case "interfaces": interfaces = try Self.interfaces(value, of: file)
    case "settings": settings = try Self.settings(value, of: file)
    default:
      let hint =
        NearMiss.best(for: key, among: Self.keys).map { "did you mean '\($0)'?" }
        ?? "expected one of \(Self.keys.joined(separator: ", "))"
      throw file.error(line, "unknown key '\(key)'; \(hint)")
    }
  }

  private static func choice<Value>(
    _ number: Int32, of key: String, _ file: YAMLFile, _ choices: [(String, Value)]
  ) throws(ControlError) -> Value {
    let text = try file.text(number, of: key)
    guard let choice = choices.first(where: { $0.0 == text }) else {
      let names = choices.map(\.0).joined(separator: ", ")
      throw file.error(file[number].line, "\(key): expected one of \(names), found '\(text)'")
    }
    return choice.1
  }

  private static func interfaces(_ number: Int32, of file: YAMLFile) throws(ControlError) -> [InterfaceArgument] {
    guard case .list(let items) = file[number].content else {
      throw file.error(file[number].line, "interfaces: expected a list")
    }
    var arguments: [InterfaceArgument] = []
    for item in items {
      guard case .scalar(let text) = file[item].content else {
        throw file.error(
          file[item].line, "an interface: expected a text; one that ends in a colon needs quotes: \"netlink:\"")
      }
      do throws(ControlError) {
        arguments.append(try InterfaceArgument(parsing: text))
      } catch {
        throw file.error(file[item].line, error.description)
      }
    }
    return arguments
  }

  private static func settings(
    _ number: Int32, of file: YAMLFile
  ) throws(ControlError) -> [(name: String, value: String)] {
    guard case .map(let pairs) = file[number].content else {
      throw file.error(file[number].line, "settings: expected a map of names and values")
    }
    var settings: [(name: String, value: String)] = []
    for pair in pairs {
      let name = try file.text(pair.key, of: "a setting's name")
      settings.append((name, try file.text(pair.value, of: name)))
    }
    return settings
  }
}
