/// Who gets every change of links, addresses, routes and neighbours: the table "shared.route_subscribers". route hands
/// each change that it has made to the handler of every protocol number in it, as a packet that is the rtnetlink(7) message
/// alone, in the order of the changes; a packet's vnet is the change's.
///
/// ```swift
/// let subscriptions = try RouteSubscriptions(opening: ())  // in netisr_plugin_register
/// try subscriptions.subscribe(11)
/// ```
public struct RouteSubscriptions: Sendable {
  @usableFromInline var table = Table<UInt32, UInt64>()

  /// No subscriptions.
  @inlinable
  public init() {}

  /// Opens the table. Only in `netisr_plugin_register`. [control]
  public init(opening _: Void) throws(Errno) {
    table = try Table(
      opening: "shared.route_subscribers", maxEntries: UInt32(NETISR_MAXPROT), format: "proto:u32 = lost:u64")
  }

  /// Has changes handed to a netisr protocol number: the plugin's own. A subscription stays over swaps; while nobody
  /// serves its number, nothing is handed over.
  public func subscribe(_ proto: Int32) throws(Errno) {
    guard table.lookup(UInt32(bitPattern: proto), vnet: 0, initial: 0) == nil else { return }
    guard table.insert(UInt32(bitPattern: proto), 0, vnet: 0) else { throw Errno(ENOSPC) }
  }

  /// Ends a subscription. [any thread]
  public func unsubscribe(_ proto: Int32) {
    table.remove(UInt32(bitPattern: proto), vnet: 0)
  }

  /// Changes that a subscriber has lost, because its queue was full. [any thread]
  public func losses(of proto: Int32) -> UInt64 {
    table.lookup(UInt32(bitPattern: proto), vnet: 0, initial: 0) ?? 0
  }

  /// Whether nobody has subscribed. [any thread]
  public var isEmpty: Bool { table.count(vnet: 0) == 0 }

  /// Whether a number has. [any thread]
  public func contains(_ proto: Int32) -> Bool {
    table.lookup(UInt32(bitPattern: proto), vnet: 0, initial: 0) != nil
  }

  /// A change was not handed over. [any thread]
  public func noteLoss(of proto: Int32) {
    var loss = Loss()
    _ = table.update(UInt32(bitPattern: proto), vnet: 0, with: &loss)
  }

  private struct Loss: TableVisitor {
    mutating func visit(_ lost: inout UInt64, isNew: Bool) -> TableVerdict {
      lost &+= 1
      // Unsubscribed meanwhile.
      return isNew ? .remove : .keep
    }
  }
}
