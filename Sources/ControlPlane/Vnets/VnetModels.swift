/// A virtual stack.
public struct VnetSummary: Codable, Sendable {
  /// Its number.
  public var vnet: UInt32
  /// The names of its interfaces.
  public var interfaces: [String]
  /// The protocols that are enabled in it.
  public var protocols: [String]
  /// Those that are not.
  public var disabled: [String]
  /// Entries of all tables in it.
  public var entries: Int
}

/// What `netisr vnet list --json` prints.
public struct VnetList: Codable, Sendable {
  /// By number.
  public var vnets: [VnetSummary]
}

/// The body of a request to make a vnet.
struct VnetRequest: Codable, Sendable {
  var vnet: UInt32
}

/// The body of a request to enable or disable a protocol in a vnet.
struct VnetProtocolRequest: Codable, Sendable {
  var enabled: Bool
}
