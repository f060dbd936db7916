import ControlPlane

/// All targets, by name.
public enum FuzzTargets {
  /// Those that read bytes, and the handlers of the shipped plugins: each alone, with what it leans on, and all together.
  public static let names =
    ["inspector", "note", "signature", "policy", "capture", "link", "control", "configuration"] + handlers.map(\.name)

  /// Each with the plugins that it is loaded with, its own first.
  static let handlers: [(name: String, plugins: [String])] = [
    ("ether", ["ether"]), ("ip", ["ip", "route"]), ("ip6", ["ip6", "route"]), ("arp", ["arp"]), ("igmp", ["igmp"]),
    ("natm", ["natm"]), ("route", ["route"]), ("epair", ["epair", "ether"]), ("udpecho", ["udpecho", "ip", "ip6"]),
    ("stack", ["ether", "ip", "ip6", "arp", "igmp", "natm", "route", "epair", "udpecho"]),
  ]

  /// A target.
  ///
  /// - Parameter plugins: a folder with `lib<name>.so` for each shipped plugin.
  /// - Throws: there is none of that name, or a plugin can't be loaded.
  public static func make(_ name: String, plugins: String) throws -> any FuzzTarget {
    if let handler = handlers.first(where: { $0.name == name }) {
      return try HandlerTarget(handler.plugins.map { "\(plugins)/lib\($0).so" })
    }
    switch name {
    case "inspector": return InspectorTarget()
    case "note": return try NoteTarget(plugin: "\(plugins)/libnull.so")
    case "signature": return SignatureTarget()
    case "policy": return try PolicyTarget(plugin: "\(plugins)/libnull.so")
    case "capture": return CaptureTarget()
    case "link": return LinkTarget()
    case "control": return try ControlTarget()
    case "configuration": return ConfigurationTarget()
    default: throw FuzzFinding("target: expected one of \(names.joined(separator: ", ")), found '\(name)'")
    }
  }
}
