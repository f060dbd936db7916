import NetISRPlugin

/// The changes of late, for who follows them: "route.changes", a ring. A change overwrites the one that was made `size`
/// changes before it; who reads slower than that sees by the sequence numbers how many it has lost. So nobody who
/// listens, or has stopped to, can hold up or grow anything here.
struct Changes {
  /// Changes that are kept, per vnet.
  static let size: UInt32 = 4096

  private var ring = Table<UInt32, ChangeRecord>()
  /// 0: the number of the last change.
  private var last = Table<UInt32, UInt64>()

  init() {}

  init(opening _: Void) throws(Errno) {
    ring = try Table(opening: "route.changes", maxEntries: Self.size, format: ChangeRecord.format)
    last = try Table(opening: "route.changed", maxEntries: 1, format: "-:4 = sequence:u64")
  }

  /// Notes a change. One thread at a time: see `Turn`.
  func note(_ record: ChangeRecord, _ change: Change, at time: UInt64, vnet: UInt32) {
    guard change != .absent else { return }
    var record = record
    record.change = change.number
    note(record, at: time, vnet: vnet)
  }

  /// The same, of a record that says what change it is.
  func note(_ record: ChangeRecord, at time: UInt64, vnet: UInt32) {
    var record = record
    record.time = time
    record.sequence = (last.lookup(0, vnet: vnet, initial: 0) ?? 0) &+ 1
    // The record first: who reads the number finds it.
    guard ring.insert(UInt32(truncatingIfNeeded: record.sequence) % Self.size, record, vnet: vnet) else { return }
    last.insert(0, record.sequence, vnet: vnet)
  }
}

/// Opened once, during registration, before any packet.
@exclusivity(unchecked) nonisolated(unsafe) var changes = Changes()
