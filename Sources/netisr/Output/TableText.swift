import ControlPlane

/// Tables as `netisr table` prints them.
enum TableText {
  /// A line for each table and vnet.
  static func list(_ tables: [TableSummary]) -> String {
    var text = TextTable([
      ("Name", .left), ("Kind", .left), ("Key", .right), ("Value", .right), ("Vnet", .right), ("Entries", .right),
      ("Bound", .right), ("Held", .right),
    ])
    for table in tables {
      let vnets = table.vnets.isEmpty ? [nil] : table.vnets.map(Optional.some)
      for vnet in vnets {
        text.add([
          table.name, table.kind, "\(table.keySize)", "\(table.valueSize)", vnet.map { "\($0.vnet)" } ?? "-",
          "\(vnet?.entries ?? 0)", "\(table.maxEntries)",
          table.holdsPackets ? "\(vnet?.heldBytes ?? 0)" : "-",
        ])
      }
    }
    return text.text
  }

  /// A line for each entry, by the order of their keys, and how many were left out.
  static func content(_ content: TableContent) -> String {
    let fields = content.keyFields + content.valueFields
    // Key and value may have a field of the same name.
    var text = TextTable(fields.map { ($0, .left) })
    let lines = content.rows.map { row in
      content.keyFields.map { row.key[$0]?.description ?? "" }
        + content.valueFields.map { row.value[$0]?.description ?? "" }
    }
    for line in lines.sorted(by: { $0.lexicographicallyPrecedes($1) }) { text.add(line) }
    let left = content.entries - content.rows.count
    return (fields.isEmpty ? "" : text.text) + (left > 0 ? "... and \(left) more\n" : "")
  }
}
