import Synchronization

/// A name, and the store that is current under it.
@safe
struct TableSlot: ~Copyable {
  let current = unsafe Atomic<UnsafeMutablePointer<TableStore>?>(nil)
}

/// What a `struct table *` points to.
@safe
struct TableHandle: ~Copyable {
  let slot: Reference<TableSlot>
  let shape: TableShape
  /// A reader's handle follows the slot.
  let isReader: Bool
  /// The owner's store, until it is freed.
  let store: Atomic<UnsafeMutablePointer<TableStore>?>

  init(slot: Reference<TableSlot>, shape: TableShape, store: Reference<TableStore>?) {
    self.slot = slot
    self.shape = shape
    isReader = store == nil
    unsafe self.store = unsafe Atomic(store?.pointer)
  }

  /// The store to use, inside `GracePeriod.enter` and `leave`.
  @inline(__always)
  var current: UnsafeMutablePointer<TableStore>? {
    // Acquire: pairs with the release in `replaceStore`; the store was initialised before.
    guard isReader else { return unsafe store.load(ordering: .acquiring) }
    guard let current = unsafe slot.pointer.pointee.current.load(ordering: .acquiring) else { return nil }
    return unsafe current.pointee.shape.serves(shape) ? current : nil
  }
}

/// A pointer to something with one address. The registry makes and frees it, and is the only one to have it; others
/// come to it through a handle.
@safe
struct Reference<T: ~Copyable>: Equatable {
  let pointer: UnsafeMutablePointer<T>

  init(_ value: consuming T) {
    unsafe pointer = .allocate(capacity: 1)
    unsafe pointer.initialize(to: value)
  }

  func free() {
    unsafe pointer.deinitialize(count: 1)
    unsafe pointer.deallocate()
  }

  static func == (left: Reference, right: Reference) -> Bool { unsafe left.pointer == right.pointer }

  fileprivate init(found pointer: UnsafeMutablePointer<T>) { unsafe self.pointer = unsafe pointer }
}

// What the registry does under its lock.

extension Reference where T == TableSlot {
  var store: Reference<TableStore>? {
    unsafe pointer.pointee.current.load(ordering: .relaxed).map { unsafe Reference<TableStore>(found: $0) }
  }

  func replaceStore(with store: Reference<TableStore>?) {
    // Release: pairs with the acquire in `TableHandle.current`.
    unsafe pointer.pointee.current.store(store?.pointer, ordering: .releasing)
  }
}

extension Reference where T == TableHandle {
  func isReader(of slot: Reference<TableSlot>, _ shape: TableShape) -> Bool {
    unsafe pointer.pointee.isReader && pointer.pointee.slot == slot && pointer.pointee.shape == shape
  }

  func isBound(to store: Reference<TableStore>) -> Bool {
    unsafe pointer.pointee.store.load(ordering: .relaxed) == store.pointer
  }

  func unbind(from store: Reference<TableStore>) {
    if isBound(to: store) { unsafe pointer.pointee.store.store(nil, ordering: .releasing) }
  }
}

extension Reference where T == TableStore {
  var serial: UInt64 { unsafe pointer.pointee.serial }
  var name: String { unsafe pointer.pointee.name }
  var owner: PluginIdentity { unsafe pointer.pointee.owner }
  var shape: TableShape { unsafe pointer.pointee.shape }
  var bound: Int { unsafe pointer.pointee.maxEntries.load(ordering: .relaxed) }

  func setBound(_ bound: Int) { unsafe pointer.pointee.maxEntries.store(bound, ordering: .relaxed) }

  func content(_ vnet: UInt32) -> TableStore.Content { unsafe pointer.pointee.content(vnet) }

  /// Removes all entries of one vnet, or of all.
  func removeAll(vnet: UInt32? = nil, _ context: UnsafeMutablePointer<ThreadContext>) {
    for vnet in vnet.map({ $0...$0 }) ?? 0...UInt32(TableStore.vnetLimit - 1) {
      switch content(vnet) {
      case .none: break
      case .hash(let table): unsafe table.removeAll(context)
      case .prefix(let table): unsafe table.removeAll(context)
      }
    }
  }
}
