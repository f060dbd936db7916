/// A copy of one entry.
public struct TableEntry: Sendable, Equatable {
  /// The key: any bytes, or a prefix length in host order and an address.
  public var key: [UInt8]
  /// The value, without packets that it holds.
  public var value: [UInt8]
}

/// A table, for `netisr table list`.
public struct TableDescription: Sendable, Equatable {
  /// How entries are found.
  public enum Kind: String, Sendable {
    /// By the whole key.
    case hash
    /// By the longest prefix.
    case lpm
  }

  /// What a table has in one vnet.
  public struct Vnet: Sendable, Equatable {
    /// The vnet's number.
    public var vnet: UInt32
    /// Entries now.
    public var entries: Int
    /// The memory of the packets in them, in bytes, as the owner counts it.
    public var heldBytes: UInt64
  }

  /// "plugin.table"
  public var name: String
  /// The plugin's name and its state version.
  public var owner: PluginIdentity
  /// How entries are found.
  public var kind: Kind
  /// Bytes of a key.
  public var keySize: Int
  /// Bytes of a value.
  public var valueSize: Int
  /// The bound on entries in each vnet.
  public var maxEntries: Int
  /// Whether entries hold packets.
  public var holdsMbufs: Bool
  /// The vnets in which something was ever written, in order.
  public var vnets: [Vnet]
  /// How its entries are shown, if its owner says so.
  public var format: TableFormat?
}

extension Engine {
  /// All current tables, by name. [any thread]
  public func tableList() -> [TableDescription] {
    var list: [TableDescription] = []
    tables.forEachCurrent { store, format in
      var vnets: [TableDescription.Vnet] = []
      for vnet in 0..<UInt32(TableStore.vnetLimit) {
        switch store.content(vnet) {
        case .none: break
        case .hash(let table):
          unsafe vnets.append(.init(vnet: vnet, entries: table.pointee.count, heldBytes: table.pointee.heldBytes))
        case .prefix(let table):
          unsafe vnets.append(.init(vnet: vnet, entries: table.pointee.count, heldBytes: 0))
        }
      }
      let shape = store.shape
      list.append(
        TableDescription(
          name: store.name, owner: store.owner, kind: shape.isHash ? .hash : .lpm,
          keySize: shape.keySize, valueSize: shape.valueSize,
          maxEntries: store.bound, holdsMbufs: shape.holdsMbufs, vnets: vnets,
          format: format))
    }
    return list
  }

  /// Copies of a table's entries, in no order, at most `limit`; nil when there is no such table. [any thread]
  public func tableEntries(of name: String, vnet: UInt32, limit: Int = .max) -> [TableEntry]? {
    var entries: [TableEntry]?
    unsafe onOwnThread { context in
      tables.forEachCurrent { store, _ in
        guard store.name == name else { return }
        guard vnet < UInt32(TableStore.vnetLimit) else { return entries = [] }
        switch store.content(vnet) {
        case .none: entries = []
        case .hash(let table): entries = unsafe table.copies(context, limit: limit)
        case .prefix(let table): entries = unsafe table.copies(context, limit: limit)
        }
      }
    }
    return entries
  }
}
