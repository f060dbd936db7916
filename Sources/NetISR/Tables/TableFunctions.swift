import CNetISR
import Glibc

// table.h. Each function finds the store of its handle inside a grace period, so that a store which is being replaced
// is not freed under it, on whatever thread.

/// The handle behind a `struct table *`, which only `table_open` and `table_find` make.
@inline(__always)
private func handle(_ t: OpaquePointer) -> UnsafeMutablePointer<TableHandle> { unsafe UnsafeMutablePointer(t) }

/// Runs `body` with the current store of a handle; `failure` says what to return otherwise.
@inline(__always)
private func withStore<T>(
  _ t: OpaquePointer?, _ vnet: UInt32, writing: Bool, failure: (Int32) -> T,
  _ body: (borrowing TableStore, UnsafeMutablePointer<ThreadContext>) -> T
) -> T {
  guard let t = unsafe t, vnet < UInt32(TableStore.vnetLimit) else { return failure(EINVAL) }
  if unsafe writing && handle(t).pointee.isReader { return failure(EPERM) }
  guard let context = unsafe ThreadContext.current else { return failure(ENXIO) }
  guard unsafe context.pointee.tableHold.isNone else { return failure(EDEADLK) }
  // The engine outlives the call: counting references would be two locked instructions on a line that all share.
  let gracePeriod = unsafe Unmanaged.passUnretained(context.pointee.engine.gracePeriod)
  unsafe gracePeriod._withUnsafeGuaranteedRef { unsafe $0.enter(context) }
  defer { unsafe gracePeriod._withUnsafeGuaranteedRef { unsafe $0.leave(context) } }
  guard let store = unsafe handle(t).pointee.current else { return failure(ENOENT) }
  return unsafe body(store.pointee, context)
}

/// The same for functions that return an errno value.
@inline(__always)
private func withStore(
  _ t: OpaquePointer?, _ vnet: UInt32, writing: Bool = false,
  _ body: (borrowing TableStore, UnsafeMutablePointer<ThreadContext>) -> Int32
) -> Int32 {
  unsafe withStore(t, vnet, writing: writing, failure: { $0 }, unsafe body)
}

/// Opens a table of the calling plugin; see table.h. [control] Only inside `Engine.withRegistration`.
@c @implementation
public func table_open(_ spec: UnsafePointer<table_spec>!, _ tp: UnsafeMutablePointer<OpaquePointer?>!) -> Int32 {
  guard let tp = unsafe tp else { return EINVAL }
  unsafe tp.pointee = nil
  guard let spec = unsafe spec, let name = unsafe spec.pointee.ts_name.flatMap({ unsafe boundedString($0) }),
    let context = unsafe ThreadContext.current,
    let identity = unsafe context.pointee.registering
  else { return EINVAL }
  guard unsafe context.pointee.tableHold.isNone else { return EDEADLK }
  let (error, handle) = unsafe context.pointee.engine.tables.open(spec.pointee, name: name, as: identity)
  unsafe tp.pointee = unsafe handle.map { unsafe OpaquePointer($0.pointer) }
  return error
}

/// A read-only handle to a table; see table.h. [control] ENXIO: the calling thread belongs to no engine.
@c @implementation
public func table_find(_ spec: UnsafePointer<table_spec>!, _ tp: UnsafeMutablePointer<OpaquePointer?>!) -> Int32 {
  guard let tp = unsafe tp else { return EINVAL }
  unsafe tp.pointee = nil
  guard let spec = unsafe spec, let name = unsafe spec.pointee.ts_name.flatMap({ unsafe boundedString($0) }) else {
    return EINVAL
  }
  guard let context = unsafe ThreadContext.current else { return ENXIO }
  guard unsafe context.pointee.tableHold.isNone else { return EDEADLK }
  let (error, handle) = unsafe context.pointee.engine.tables.find(spec.pointee, name: name)
  unsafe tp.pointee = unsafe handle.map { unsafe OpaquePointer($0.pointer) }
  return error
}

/// Copies a value out; see table.h. [any thread]
@c @implementation
public func table_lookup(
  _ t: OpaquePointer!, _ vnet: UInt32, _ key: UnsafeRawPointer!, _ value: UnsafeMutableRawPointer!
)
  -> Int32
{
  guard let key = unsafe key, let value = unsafe value else { return EINVAL }
  return unsafe withStore(t, vnet) { store, context in
    switch store.content(vnet) {
    case .none: ENOENT
    case .hash(let table): unsafe table.lookup(key, value, context)
    case .prefix(let table): unsafe table.lookup(key, value, context)
    }
  }
}

/// The longest prefix that covers an address; see table.h. [any thread]
@c @implementation
public func table_match(
  _ t: OpaquePointer!, _ vnet: UInt32, _ addr: UnsafeRawPointer!, _ value: UnsafeMutableRawPointer!,
  _ plen: UnsafeMutablePointer<UInt32>!
) -> Int32 {
  guard let t = unsafe t, let addr = unsafe addr, let value = unsafe value, unsafe !handle(t).pointee.shape.isHash
  else { return EINVAL }
  return unsafe withStore(t, vnet) { store, context in
    switch store.content(vnet) {
    case .none, .hash: ENOENT
    case .prefix(let table): unsafe table.match(addr, value, plen, context)
    }
  }
}

/// Sets a value; see table.h. [any thread]
@c @implementation
public func table_insert(_ t: OpaquePointer!, _ vnet: UInt32, _ key: UnsafeRawPointer!, _ value: UnsafeRawPointer!)
  -> Int32
{
  guard let key = unsafe key, let value = unsafe value else { return EINVAL }
  return unsafe withStore(t, vnet, writing: true) { store, context in
    if store.shape.holdsMbufs { return EINVAL }
    let max = store.maxEntries.load(ordering: .relaxed)
    return switch store.contentForWriting(vnet) {
    case .none: ENOSPC
    case .hash(let table): unsafe table.insert(key, value, max: max, context)
    case .prefix(let table): unsafe table.insert(key, value, max: max, context)
    }
  }
}

/// Removes a key; see table.h. [any thread]
@c @implementation
public func table_remove(
  _ t: OpaquePointer!, _ vnet: UInt32, _ key: UnsafeRawPointer!, _ value: UnsafeMutableRawPointer!
)
  -> Int32
{
  guard let key = unsafe key else { return EINVAL }
  return unsafe withStore(t, vnet, writing: true) { store, context in
    if store.shape.holdsMbufs { return EINVAL }
    return switch store.content(vnet) {
    case .none: ENOENT
    case .hash(let table): unsafe table.remove(key, value, context)
    case .prefix(let table): unsafe table.remove(key, value, context)
    }
  }
}

/// Runs `fn` on a key's entry, with the entry's shard locked; see table.h. [any thread]
///
/// A table of prefixes makes no entry: ENOENT when it is missing.
@c @implementation
public func table_update(
  _ t: OpaquePointer!, _ vnet: UInt32, _ key: UnsafeRawPointer!, _ fn: TableCallback!, _ arg: UnsafeMutableRawPointer!
) -> Int32 {
  guard let key = unsafe key, let fn = unsafe fn else { return EINVAL }
  return unsafe withStore(t, vnet, writing: true) { store, context in
    let max = store.maxEntries.load(ordering: .relaxed)
    return switch store.contentForWriting(vnet) {
    case .none: ENOSPC
    case .hash(let table): unsafe table.update(key, max: max, fn, arg, context)
    case .prefix(let table): unsafe table.update(key, fn, arg, context)
    }
  }
}

/// Runs `fn` on every entry, with its shard (or the table of prefixes) locked; see table.h. [any thread]
@c @implementation
public func table_sweep(_ t: OpaquePointer!, _ vnet: UInt32, _ fn: TableCallback!, _ arg: UnsafeMutableRawPointer!)
  -> UInt32
{
  guard let t = unsafe t, let fn = unsafe fn else { return 0 }
  let isReader = unsafe handle(t).pointee.isReader
  return unsafe withStore(t, vnet, writing: false, failure: { _ in 0 }) { store, context in
    switch store.content(vnet) {
    case .none: 0
    case .hash(let table): unsafe table.sweep(isReader: isReader, fn, arg, context)
    case .prefix(let table): unsafe table.sweep(isReader: isReader, fn, arg, context)
    }
  }
}

/// Runs `fn`, if it is not NULL, on the oldest entry and removes it; see table.h. [any thread]
///
/// EPERM by a read-only handle, EINVAL for a table of prefixes.
@c @implementation
public func table_evict(_ t: OpaquePointer!, _ vnet: UInt32, _ fn: TableCallback!, _ arg: UnsafeMutableRawPointer!)
  -> Int32
{
  unsafe withStore(t, vnet, writing: true) { store, context in
    if !store.shape.isHash { return EINVAL }
    return switch store.content(vnet) {
    case .none, .prefix: ENOENT
    case .hash(let table): unsafe table.evict(fn, arg, context)
    }
  }
}

/// Entries of a vnet; see table.h. [any thread]
@c @implementation
public func table_count(_ t: OpaquePointer!, _ vnet: UInt32) -> UInt32 {
  unsafe withStore(t, vnet, writing: false, failure: { _ in 0 }) { store, _ in
    switch store.content(vnet) {
    case .none: 0
    case .hash(let table): unsafe UInt32(clamping: table.pointee.count)
    case .prefix(let table): unsafe UInt32(clamping: table.pointee.count)
    }
  }
}

/// The sum of th_bytes in a vnet; see table.h. [any thread]
@c @implementation
public func table_held_bytes(_ t: OpaquePointer!, _ vnet: UInt32) -> UInt64 {
  unsafe withStore(t, vnet, writing: false, failure: { _ in 0 }) { store, _ in
    if case .hash(let table) = store.content(vnet) { return unsafe table.pointee.heldBytes }
    return 0
  }
}
