import CNetISR
import NetISR
import TestSupport
import Testing

extension Harness {
  /// Writes a group of an interface into "shared.groups", as a plugin would, or takes it out; nobody is told.
  func change(_ group: [UInt8], joins: Bool, on interface: UnsafeMutablePointer<ifnet>) throws {
    let error = engine.withAttachedThread {
      engine.withRegistration(of: PluginIdentity(name: "joiner", stateVersion: 1)) { () -> Int32 in
        "shared.groups".withCString { name in
          var spec = table_spec()
          spec.ts_name = name
          spec.ts_kind = UInt32(TABLE_HASH)
          spec.ts_keysize = 24
          spec.ts_valuesize = 8
          spec.ts_maxentries = 256
          var table: OpaquePointer?
          let error = table_open(&spec, &table)
          guard error == 0 else { return error }
          let address = group + [UInt8](repeating: 0, count: 16 - group.count)
          let index = withUnsafeBytes(of: interface.pointee.if_index) { Array($0) }
          let key = address + index + [group.count == 4 ? 4 : 6, 0, 0, 0]
          var value: UInt64 = 0
          return joins ? table_insert(table, 0, key, &value) : table_remove(table, 0, key, nil)
        }
      }
    }
    try #require(error == 0)
  }
}
