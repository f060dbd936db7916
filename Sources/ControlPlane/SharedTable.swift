import CNetISR
import NetISR

/// Tables of the group "shared", which the host itself writes.
enum SharedTable {
  /// Opens a hash table, and makes it if no plugin has yet; nil when a plugin has made another one of that name.
  static func open(
    _ name: String, keySize: Int, valueSize: Int, maxEntries: UInt32, format: String, in engine: Engine
  ) -> OpaquePointer? {
    var opened: OpaquePointer?
    let error = engine.withAttachedThread {
      engine.withRegistration(of: PluginIdentity(name: "host", stateVersion: 1)) {
        unsafe name.withCString { name in
          unsafe format.withCString { format in
            var spec = unsafe table_spec()
            unsafe spec.ts_name = unsafe name
            unsafe spec.ts_kind = UInt32(TABLE_HASH)
            unsafe spec.ts_keysize = UInt32(keySize)
            unsafe spec.ts_valuesize = UInt32(valueSize)
            unsafe spec.ts_maxentries = maxEntries
            unsafe spec.ts_format = unsafe format
            return unsafe table_open(&spec, &opened)
          }
        }
      }
    }
    return error == 0 ? unsafe opened : nil
  }
}
