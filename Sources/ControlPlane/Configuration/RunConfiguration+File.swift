import Logging

extension RunConfiguration {
  private static let keys = [
    "plugins", "control", "dispatch", "threads", "bind", "poll", "probe", "faults", "strict", "policy", "keys",
    "require-signatures",
    "log-level", "interfaces", "settings",
  ]

  /// Reads a configuration file: YAML, with the names of the options of `netisr run` and a map of settings. Throws the
  /// first thing that is wrong, with its line; then nothing of the file counts.
  public init(file path: String) throws(ControlError) {
    let file = try YAMLFile(path)
    try file.takeEntries(of: Self.keys) { (key, line, value) throws(ControlError) in
      try take(key, line, value, of: file)
    }
  }

  private mutating func take(_ key: String, _ line: Int, _ value: Int32, of file: YAMLFile) throws(ControlError) {
    switch key {
    case "plugins": plugins = try file.text(value, of: key)
    case "control": control = try file.text(value, of: key)
    case "dispatch":
      dispatch = try file.choice(value, of: key, Host.GlobalDispatch.allCases.map { ($0.rawValue, $0) })
    case "threads":
      let text = try file.text(value, of: key)
      guard let number = Int(text), (1...256).contains(number) else {
        throw file.error(file[value].line, "threads: expected 1 to 256, found '\(text)'")
      }
      threads = number
    case "bind": bind = try file.truth(value, of: key)
    case "poll": poll = try file.truth(value, of: key)
    case "probe": probe = try file.truth(value, of: key)
    case "faults": faults = try file.text(value, of: key)
    case "strict": trust.isStrict = try file.truth(value, of: key)
    case "policy": trust.policy = try file.text(value, of: key)
    case "keys": trust.keys = try file.text(value, of: key)
    case "require-signatures": trust.requiresSignatures = try file.truth(value, of: key)
    case "log-level":
      logLevel = try file.choice(value, of: key, Logger.Level.allCases.map { ($0.rawValue, $0) })
    case "interfaces": interfaces = try Self.interfaces(value, of: file)
    case "settings": settings = try Self.settings(value, of: file)
    default: throw file.unknownKey(key, line, among: Self.keys)
    }
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
