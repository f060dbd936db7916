import NetISR

// Tables as people and programs look at them.

extension Host {
  /// All tables, by name.
  public func tables() -> TableList { TableList(tables: engine.tableList().map(TableSummary.init)) }

  /// Copies of a table's entries in a vnet, at most `limit`.
  public func table(named name: String, vnet: UInt32, limit: Int) throws(ControlError) -> TableContent {
    try VnetRange.check(vnet)
    let tables = engine.tableList()
    guard let table = tables.first(where: { $0.name == name }),
      let entries = engine.tableEntries(of: name, vnet: vnet, limit: limit)
    else {
      let hint = NearMiss.best(for: name, among: tables.map(\.name)).map { "; did you mean '\($0)'?" } ?? ""
      throw ControlError(.notFound, "there is no table '\(name)'\(hint)")
    }
    let key = table.kind == .lpm ? nil : table.format?.key ?? Self.bytes(table.keySize)
    let value = table.format?.value ?? Self.bytes(table.valueSize)
    return TableContent(
      name: name, vnet: vnet, entries: table.vnets.first { $0.vnet == vnet }?.entries ?? 0,
      keyFields: key.map { $0.compactMap(\.name) } ?? ["prefix"], valueFields: value.compactMap(\.name),
      rows: entries.map { Self.row(of: ($0.key, $0.value), key, value) })
  }

  private static func bytes(_ size: Int) -> [TableFormat.Field] {
    [TableFormat.Field(name: "bytes", kind: .bytes(size))]
  }

  /// An entry's fields; without those of a key, it is a prefix.
  static func row(
    of entry: (key: [UInt8], value: [UInt8]), _ key: [TableFormat.Field]?, _ value: [TableFormat.Field]
  ) -> TableContent.Row {
    // A value's field may say what an address in the key is, and the other way round.
    var numbers: [String: UInt64] = [:]
    func values(of bytes: [UInt8], _ fields: [TableFormat.Field]) -> [String: FieldValue] {
      var values: [String: FieldValue] = [:]
      var rest = bytes[...]
      for field in fields {
        let part = rest.prefix(field.kind.size)
        rest = rest.dropFirst(part.count)
        guard let name = field.name else { continue }
        switch field.kind.read(part, number: { numbers[$0] }) {
        case .number(let number), .time(let number):
          values[name] = .number(number)
          numbers[name] = number
        case .text(let text): values[name] = .text(text)
        }
      }
      return values
    }
    // Twice: a family may come behind the address that it is of.
    if let key { _ = values(of: entry.key, key) }
    _ = values(of: entry.value, value)
    return TableContent.Row(
      key: key.map { values(of: entry.key, $0) } ?? ["prefix": .text(TableFormat.Kind.prefix(entry.key))],
      value: values(of: entry.value, value))
  }
}
