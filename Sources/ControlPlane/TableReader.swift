import CNetISR
import NetISR

/// Looks into a plugin's table, by the names that the plugin itself gives to the fields of keys and values.
@safe
struct TableReader {
  let table: TableDescription
  private let engine: Engine
  // The host keeps handles for as long as it runs.
  private let handle: OpaquePointer

  /// nil when there is no such table, or nobody says what is in it.
  init?(_ name: String, of engine: Engine) {
    guard let table = engine.tableList().first(where: { $0.name == name }), table.format != nil else { return nil }
    self.table = table
    self.engine = engine
    var found: OpaquePointer?
    let error = engine.withAttachedThread {
      unsafe name.withCString { name in
        var spec = unsafe table_spec()
        unsafe spec.ts_name = unsafe name
        unsafe spec.ts_kind = UInt32(table.kind == .lpm ? TABLE_LPM : TABLE_HASH)
        unsafe spec.ts_keysize = UInt32(table.keySize)
        unsafe spec.ts_valuesize = UInt32(table.valueSize)
        unsafe spec.ts_maxentries = 1
        return unsafe table_find(&spec, &found)
      }
    }
    guard error == 0, let found = unsafe found else { return nil }
    unsafe handle = found
  }

  /// The value of a key; nil when it is not there.
  func value(of key: [UInt8], vnet: UInt32) -> TableFields? {
    guard key.count == table.keySize else { return nil }
    var value = [UInt8](repeating: 0, count: table.valueSize)
    let error = engine.withAttachedThread { unsafe table_lookup(handle, vnet, key, &value) }
    return error == 0 ? TableFields(key: key, value: value, of: table) : nil
  }

  /// The value of the longest prefix that covers an address, and its length in bits.
  func match(_ address: [UInt8], vnet: UInt32) -> (fields: TableFields, prefixLength: UInt32)? {
    guard table.kind == .lpm, address.count == table.keySize - 4 else { return nil }
    var value = [UInt8](repeating: 0, count: table.valueSize)
    var length: UInt32 = 0
    let error = engine.withAttachedThread { unsafe table_match(handle, vnet, address, &value, &length) }
    return error == 0 ? (TableFields(key: [], value: value, of: table), length) : nil
  }

  /// All entries of a vnet.
  func all(vnet: UInt32) -> [TableFields] {
    (engine.tableEntries(of: table.name, vnet: vnet) ?? []).map { TableFields(key: $0.key, value: $0.value, of: table) }
  }

  /// A key, put together of its fields' values; nil when it has a field that is not among them.
  func key(_ fields: [String: [UInt8]]) -> [UInt8]? {
    var key: [UInt8] = []
    for field in table.format?.key ?? [] {
      guard let name = field.name else {
        key += [UInt8](repeating: 0, count: field.kind.size)
        continue
      }
      guard let bytes = fields[name], bytes.count <= field.kind.size else { return nil }
      key += bytes + [UInt8](repeating: 0, count: field.kind.size - bytes.count)
    }
    return key
  }
}

/// An entry, field by field.
struct TableFields {
  private let values: [String: FieldValue]
  private let bytes: [String: [UInt8]]

  init(key: [UInt8], value: [UInt8], of table: TableDescription) {
    let row = Host.row(of: (key, value), table.format?.key, table.format?.value ?? [])
    values = row.value.merging(row.key) { value, _ in value }
    var bytes: [String: [UInt8]] = [:]
    for (part, fields) in [(key, table.format?.key), (value, table.format?.value)] {
      var rest = part[...]
      for field in fields ?? [] {
        if let name = field.name { bytes[name] = Array(rest.prefix(field.kind.size)) }
        rest = rest.dropFirst(field.kind.size)
      }
    }
    self.bytes = bytes
  }

  /// A number; 0 when there is no such field.
  subscript(number name: String) -> UInt64 {
    if case .number(let number) = values[name] { return number }
    return 0
  }

  /// A number of 32 bits.
  subscript(_ name: String) -> UInt32 { UInt32(truncatingIfNeeded: self[number: name]) }

  /// A text; empty when there is no such field.
  subscript(text name: String) -> String {
    if case .text(let text) = values[name] { return text }
    return ""
  }

  /// The bytes of a field.
  subscript(bytes name: String) -> [UInt8] { bytes[name] ?? [] }
}
