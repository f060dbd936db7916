/// A setting's name and value, as sysctl(8) shows them.
public struct SettingValue: Codable, Sendable {
  /// `net.isr.dispatch`, ...
  public var name: String
  /// Its value as text.
  public var value: String
  /// Whether it can be set while the host runs.
  public var writable: Bool
}

/// All settings, by name.
public struct SettingList: Codable, Sendable {
  /// In the order of their names.
  public var settings: [SettingValue]
}

/// What a change of a setting did.
public struct SettingChange: Codable, Sendable {
  /// The setting.
  public var name: String
  /// Its value before.
  public var old: String
  /// Its value now.
  public var value: String
}

/// The body of a request to change a setting.
struct SettingRequest: Codable, Sendable {
  var value: String
}

/// The body of a request to load a plugin.
struct LoadRequest: Codable, Sendable {
  var file: String
}

/// The body of every answer that is an error.
struct ErrorBody: Codable, Sendable {
  var error: String
  var problems: [String]
}
