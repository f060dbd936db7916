import PluginHost

/// What the host keeps for a plugin, in bytes: of state, for the generation that serves under its name; 0 for others.
public struct PluginMemorySummary: Codable, Sendable {
  /// All of the following.
  public var total: Int
  /// Its tables, without those that it shares with others.
  public var tables: Int
  /// Its counters.
  public var counters: Int
  /// Its settings.
  public var settings: Int
  /// Its callouts that are armed.
  public var callouts: Int
  /// Mbufs in its tables, by number.
  public var mbufsInTables: Int

  enum CodingKeys: String, CodingKey {
    case total, tables, counters, settings, callouts
    case mbufsInTables = "mbufs_in_tables"
  }

  init(_ info: PluginInfo) {
    total = info.memory.total
    tables = info.memory.tables
    counters = info.memory.counters
    settings = info.memory.settings
    callouts = info.memory.callouts
    mbufsInTables = info.mbufsInTables.mbufs
  }
}
