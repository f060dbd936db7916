import NetISR

/// A table of the host: a line of `netisr table list`.
public struct TableSummary: Codable, Sendable {
  /// What a table has in one vnet.
  public struct Vnet: Codable, Sendable {
    /// The vnet's number.
    public var vnet: UInt32
    /// Entries now.
    public var entries: Int
    /// The memory of the packets in them, in bytes, as the owner counts it.
    public var heldBytes: UInt64

    enum CodingKeys: String, CodingKey {
      case vnet, entries
      case heldBytes = "held_bytes"
    }
  }

  /// "plugin.table"
  public var name: String
  /// The plugin that it belongs to.
  public var owner: String
  /// The state version under which its content was made.
  public var stateVersion: UInt32
  /// `hash`, or `lpm`: longest-prefix match.
  public var kind: String
  /// Bytes of a key.
  public var keySize: Int
  /// Bytes of a value.
  public var valueSize: Int
  /// The bound on entries in each vnet.
  public var maxEntries: Int
  /// Whether entries hold packets.
  public var holdsPackets: Bool
  /// The vnets in which something was ever written.
  public var vnets: [Vnet]

  enum CodingKeys: String, CodingKey {
    case name, owner, kind, vnets
    case stateVersion = "state_version"
    case keySize = "key_size"
    case valueSize = "value_size"
    case maxEntries = "max_entries"
    case holdsPackets = "holds_packets"
  }

  init(_ table: TableDescription) {
    name = table.name
    owner = table.owner.name
    stateVersion = table.owner.stateVersion
    kind = table.kind.rawValue
    keySize = table.keySize
    valueSize = table.valueSize
    maxEntries = table.maxEntries
    holdsPackets = table.holdsMbufs
    vnets = table.vnets.map { Vnet(vnet: $0.vnet, entries: $0.entries, heldBytes: $0.heldBytes) }
  }
}

/// What `netisr table list --json` prints.
public struct TableList: Codable, Sendable {
  /// By name.
  public var tables: [TableSummary]
}

/// What `netisr table show --json` prints.
public struct TableContent: Codable, Sendable {
  /// An entry: values by the fields' names. Where nobody has said what the bytes are, they are in the field `bytes`, in
  /// hexadecimal; the key of a table of prefixes is in the field `prefix`.
  public struct Row: Codable, Sendable {
    /// The key.
    public var key: [String: FieldValue]
    /// The value.
    public var value: [String: FieldValue]
  }

  /// "plugin.table"
  public var name: String
  /// The vnet.
  public var vnet: UInt32
  /// Entries in the vnet.
  public var entries: Int
  /// The names of the key's fields, in order.
  public var keyFields: [String]
  /// The names of the value's fields, in order.
  public var valueFields: [String]
  /// Copies of entries, in no order.
  public var rows: [Row]

  enum CodingKeys: String, CodingKey {
    case name, vnet, entries, rows
    case keyFields = "key_fields"
    case valueFields = "value_fields"
  }
}

/// A field's value: a number or a text in JSON. A time is a number there, of nanoseconds since the epoch.
public enum FieldValue: Codable, Sendable {
  /// A number.
  case number(UInt64)
  /// An address, or bytes in hexadecimal.
  case text(String)

  /// Either.
  public init(from decoder: any Decoder) throws {
    let container = try decoder.singleValueContainer()
    if let number = try? container.decode(UInt64.self) {
      self = .number(number)
    } else {
      self = try .text(container.decode(String.self))
    }
  }

  /// A number or a text.
  public func encode(to encoder: any Encoder) throws {
    var container = encoder.singleValueContainer()
    switch self {
    case .number(let number): try container.encode(number)
    case .text(let text): try container.encode(text)
    }
  }

  /// As people read it.
  public var description: String {
    switch self {
    case .number(let number): "\(number)"
    case .text(let text): text
    }
  }
}
