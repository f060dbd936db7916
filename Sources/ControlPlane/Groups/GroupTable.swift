import CNetISR
import NetISR

/// The groups that the operator has this host join: "shared.groups", as Groups.swift of the plugins' SDK has it.
@safe
struct GroupTable {
  private let engine: Engine
  // The host keeps handles for as long as it runs.
  private let handle: OpaquePointer

  /// Opens the table, and makes it if no plugin has yet; nil when a plugin has made another one of that name.
  init?(_ engine: Engine) {
    self.engine = engine
    let found = unsafe SharedTable.open(
      "shared.groups", keySize: Self.keySize, valueSize: 8, maxEntries: 256,
      format: "group:ip/family interface:u32 family:u32 = -:8", in: engine)
    guard let found = unsafe found else { return nil }
    unsafe handle = found
  }

  private static let keySize = 24

  /// Whether the group is there.
  func contains(_ group: [UInt8], on interface: UInt32, vnet: UInt32) -> Bool {
    var value: UInt64 = 0
    return engine.withAttachedThread { unsafe table_lookup(handle, vnet, Self.key(group, interface), &value) } == 0
  }

  /// Puts a group in; false when there is no room.
  func insert(_ group: [UInt8], on interface: UInt32, vnet: UInt32) -> Bool {
    var value: UInt64 = 0
    return engine.withAttachedThread { unsafe table_insert(handle, vnet, Self.key(group, interface), &value) } == 0
  }

  /// Takes a group out; false when it was not there.
  func remove(_ group: [UInt8], on interface: UInt32, vnet: UInt32) -> Bool {
    engine.withAttachedThread { unsafe table_remove(handle, vnet, Self.key(group, interface), nil) } == 0
  }

  /// Takes all groups of an interface out.
  func removeAll(on interface: UInt32, vnet: UInt32) {
    for entry in engine.tableEntries(of: "shared.groups", vnet: vnet) ?? [] where entry.key.count == Self.keySize {
      let own = unsafe withUnsafeBytes(of: interface) { unsafe Array($0) }
      guard Array(entry.key[16..<20]) == own else { continue }
      _ = engine.withAttachedThread { unsafe table_remove(handle, vnet, entry.key, nil) }
    }
  }

  /// The address with zeros behind it, the interface's index, and 4 or 6.
  private static func key(_ group: [UInt8], _ interface: UInt32) -> [UInt8] {
    let family: UInt32 = group.count == 4 ? 4 : 6
    let numbers = [interface, family].flatMap { number in unsafe withUnsafeBytes(of: number) { unsafe Array($0) } }
    return group + [UInt8](repeating: 0, count: 16 - group.count) + numbers
  }
}
