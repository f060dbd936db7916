import CNetISR
import Glibc
import Synchronization

/// The tables of an engine: names, the versions of their content, and the handles that plugins hold.
///
/// What: a name has a slot, for ever; the slot points to the store that is current, or to none. A store belongs to an
/// owner and its state version. A reader's handle is bound to the slot, so it follows when another version takes over;
/// an owner's handle is bound to its store, so the old generation goes on with the old content until it is out of service.
/// Swapping code is then swapping stores: what a new generation opens under the same version is the store that is
/// there; under another version it is a new one, which stays aside until the generation is complete (`commit`), or
/// vanishes with it (`abort`). A swap that fails has touched nothing.
///
/// Why not versions in the entries, or migration by the host: the layout of a value is the plugin's own business; the host
/// can only keep it whole or start afresh. A store outlives its plugin's code: unloading is no reason to forget.
///
/// | what | exclusion |
/// |---|---|
/// | slots, stores, handles, pending registrations | the lock; [control] only |
/// | a slot's current store, a handle's store | one atomic load, inside `GracePeriod.enter` and `leave` |
///
/// A store that was retired is freed by `release`, which the caller calls after a grace period: until then, whoever found
/// it before may still be using it.
final class TableRegistry: @unchecked Sendable {
  /// More names than any host has; what table_find makes also counts.
  static let nameLimit = 1024

  /// What a plugin's registration has opened so far.
  private struct Pending {
    var identity: PluginIdentity
    var stores: [Reference<TableStore>] = []
    /// New bounds of stores that are there already.
    var bounds: [String: Int] = [:]
    var formats: [String: TableFormat?] = [:]
  }

  private let lock = Lock()
  // Under the lock. Slots and handles live as long as the registry; stores until `release`.
  private var slots: [String: Reference<TableSlot>] = [:]
  private var handles: [Reference<TableHandle>] = []
  private var stores: [UInt64: Reference<TableStore>] = [:]
  private var serial: UInt64 = 0
  /// How entries are shown, by the table's name; those whose owner says nothing are left out.
  private var formats: [String: TableFormat] = [:]
  private var pending: [String: Pending] = [:]

  deinit {
    // Packets that entries hold end with the engine's pool.
    for store in stores.values { store.free() }
    for handle in handles { handle.free() }
    for slot in slots.values { slot.free() }
  }

  // MARK: Handles

  /// A handle for the owner: table_open. 0 or an errno value.
  func open(_ spec: table_spec, name: String, as identity: PluginIdentity) -> (
    error: Int32, handle: Reference<TableHandle>?
  ) {
    guard let shape = unsafe TableShape(spec), let (group, _) = splitName(name) else { return (EINVAL, nil) }
    if group == PluginIdentity.shared.name { return unsafe openShared(spec, shape, name: name) }
    guard group == identity.name else { return (EINVAL, nil) }
    let bound = unsafe Int(spec.ts_maxentries)
    guard (1...Int(TABLE_MAXENTRIES)).contains(bound) else { return (EINVAL, nil) }
    var format: TableFormat?
    if let text = unsafe spec.ts_format {
      format = unsafe TableFormat(String(cString: text), shape)
      guard format != nil else { return (EINVAL, nil) }
    }
    return lock.withLock {
      // Another version's registration that was neither committed nor aborted is over.
      var mine = pending[identity.name] ?? Pending(identity: identity)
      if mine.identity != identity { mine = Pending(identity: identity) }
      guard let slot = slot(named: name) else { return (ENOMEM, nil) }
      let current = slot.store
      if let current, current.owner == identity {
        guard current.shape == shape else { return (EEXIST, nil) }
        mine.bounds[name] = bound
        mine.formats[name] = .some(format)
        pending[identity.name] = mine
        return (0, ownersHandle(of: current, slot))
      }
      if let opened = mine.stores.first(where: { $0.name == name }) {
        return opened.shape == shape ? (0, ownersHandle(of: opened, slot)) : (EEXIST, nil)
      }
      serial += 1
      let store = Reference(
        TableStore(serial: serial, name: name, owner: identity, shape: shape, maxEntries: bound))
      stores[serial] = store
      mine.stores.append(store)
      mine.formats[name] = .some(format)
      pending[identity.name] = mine
      return (0, ownersHandle(of: store, slot))
    }
  }

  /// A handle to a table that belongs to nobody. It is there at once, and stays: whoever opens it may fail afterwards,
  /// but who else has opened it meanwhile relies on it.
  private func openShared(_ spec: table_spec, _ shape: TableShape, name: String) -> (
    error: Int32, handle: Reference<TableHandle>?
  ) {
    let bound = unsafe Int(spec.ts_maxentries)
    guard (1...Int(TABLE_MAXENTRIES)).contains(bound) else { return (EINVAL, nil) }
    let format = unsafe spec.ts_format.map { unsafe TableFormat(String(cString: $0), shape) }
    if case .some(.none) = format { return (EINVAL, nil) }
    return lock.withLock {
      guard let slot = slot(named: name) else { return (ENOMEM, nil) }
      if let current = slot.store {
        guard current.shape == shape else { return (EEXIST, nil) }
        return (0, ownersHandle(of: current, slot))
      }
      serial += 1
      let store = Reference(
        TableStore(serial: serial, name: name, owner: .shared, shape: shape, maxEntries: bound))
      stores[serial] = store
      if case .some(.some(let format)) = format { formats[name] = format }
      slot.replaceStore(with: store)
      return (0, ownersHandle(of: store, slot))
    }
  }

  /// A handle for a reader: table_find. 0 or an errno value.
  func find(_ spec: table_spec, name: String) -> (error: Int32, handle: Reference<TableHandle>?) {
    guard let shape = unsafe TableShape(spec), splitName(name) != nil else { return (EINVAL, nil) }
    return lock.withLock {
      guard let slot = slot(named: name) else { return (ENOMEM, nil) }
      let known = handles.first { $0.isReader(of: slot, shape) }
      return (0, known ?? makeHandle(TableHandle(slot: slot, shape: shape, store: nil)))
    }
  }

  // MARK: Registration

  /// Makes current what the owner's registration has opened. What it has under another version is retired.
  func commit(_ identity: PluginIdentity) -> StateHandover {
    lock.withLock {
      var mine = pending.removeValue(forKey: identity.name) ?? Pending(identity: identity)
      if mine.identity != identity { mine = Pending(identity: identity) }
      for (name, format) in mine.formats { formats[name] = format }
      var handover = StateHandover()
      for (name, slot) in slots.sorted(by: { $0.key < $1.key }) {
        let current = slot.store
        let new = mine.stores.first { $0.name == name }
        guard let current, current.owner.name == identity.name else {
          if new != nil { handover.created.append(name) }
          if let new { slot.replaceStore(with: new) }
          continue
        }
        if current.owner == identity {
          if let bound = mine.bounds[name] { current.setBound(bound) }
          handover.kept.append(name)
          continue
        }
        if new != nil {
          handover.emptied.append(
            StateHandover.Emptied(
              name: name, oldVersion: current.owner.stateVersion, newVersion: identity.stateVersion))
        }
        slot.replaceStore(with: new)
        handover.retired.serials.append(current.serial)
      }
      return handover
    }
  }

  /// Forgets what the owner's registration has opened; its handles find nothing from now on.
  func abort(_ identity: PluginIdentity) -> RetiredTables {
    lock.withLock {
      var retired = RetiredTables()
      guard let mine = pending[identity.name], mine.identity == identity else { return retired }
      pending[identity.name] = nil
      retired.serials = mine.stores.map(\.serial)
      return retired
    }
  }

  /// Takes all tables of an owner out of service.
  func purge(owner: String) -> RetiredTables {
    lock.withLock {
      var retired = RetiredTables()
      for slot in slots.values {
        guard let current = slot.store, current.owner.name == owner else { continue }
        slot.replaceStore(with: nil)
        retired.serials.append(current.serial)
      }
      return retired
    }
  }

  /// Frees retired stores with the packets in them. After a grace period.
  func release(_ retired: RetiredTables, _ context: UnsafeMutablePointer<ThreadContext>) {
    for serial in retired.serials {
      let released = lock.withLock {
        let store = stores.removeValue(forKey: serial)
        if let store {
          for handle in handles { handle.unbind(from: store) }
        }
        return store
      }
      guard let released else { continue }
      unsafe released.removeAll(context)
      released.free()
    }
  }

  /// Visits the current stores by name, which can't be released meanwhile.
  func forEachCurrent(_ body: (Reference<TableStore>, TableFormat?) -> Void) {
    lock.withLock {
      for (name, slot) in slots.sorted(by: { $0.key < $1.key }) {
        if let store = slot.store { body(store, formats[name]) }
      }
    }
  }

  // MARK: Under the lock

  private func slot(named name: String) -> Reference<TableSlot>? {
    if let slot = slots[name] { return slot }
    guard slots.count < Self.nameLimit else { return nil }
    let slot = Reference(TableSlot())
    slots[name] = slot
    return slot
  }

  private func ownersHandle(of store: Reference<TableStore>, _ slot: Reference<TableSlot>) -> Reference<TableHandle> {
    handles.first { $0.isBound(to: store) } ?? makeHandle(TableHandle(slot: slot, shape: store.shape, store: store))
  }

  private func makeHandle(_ handle: consuming TableHandle) -> Reference<TableHandle> {
    let handle = Reference(handle)
    handles.append(handle)
    return handle
  }
}
