/// A table in the host (table.h): it survives swaps, and other plugins read it by its name.
///
/// `Key` and `Value` are trivial structs; their sizes are the table's. Give every byte a field (no padding): keys are
/// compared byte by byte.
@safe @frozen
public struct Table<Key: BitwiseCopyable, Value: BitwiseCopyable>: Sendable {
  // A handle that the host keeps for as long as it runs; nil before registration.
  @usableFromInline nonisolated(unsafe) var handle: OpaquePointer?

  /// No table yet: every look-up says "not there".
  @inlinable
  public init() {
    unsafe handle = nil
  }

  /// Opens a hash table of this plugin, making it when it is not there; `format` says how people are shown its entries
  /// (`ts_format` in table.h). [control]
  @inlinable
  public init(
    opening name: StaticString, kind: Int32 = TABLE_HASH, maxEntries: UInt32, flags: UInt32 = 0,
    format: StaticString? = nil
  ) throws(Errno) {
    unsafe handle = nil
    var spec = unsafe Self.spec(name, kind: kind, maxEntries: maxEntries, flags: flags)
    if let format { unsafe spec.ts_format = UnsafeRawPointer(format.utf8Start).assumingMemoryBound(to: CChar.self) }
    let error = unsafe table_open(&spec, &handle)
    if error != 0 { throw Errno(error) }
  }

  /// A read-only handle to another plugin's table, whether or not it exists yet. [control]
  @inlinable
  public init(finding name: StaticString, kind: Int32 = TABLE_HASH) throws(Errno) {
    unsafe handle = nil
    var spec = unsafe Self.spec(name, kind: kind, maxEntries: 1, flags: 0)
    let error = unsafe table_find(&spec, &handle)
    if error != 0 { throw Errno(error) }
  }

  @inlinable
  static func spec(_ name: StaticString, kind: Int32, maxEntries: UInt32, flags: UInt32) -> table_spec {
    var spec = unsafe table_spec()
    unsafe spec.ts_name = UnsafeRawPointer(name.utf8Start).assumingMemoryBound(to: CChar.self)
    unsafe spec.ts_kind = UInt32(kind)
    unsafe spec.ts_keysize = UInt32(MemoryLayout<Key>.size)
    unsafe spec.ts_valuesize = UInt32(MemoryLayout<Value>.size)
    unsafe spec.ts_maxentries = maxEntries
    unsafe spec.ts_flags = flags
    return unsafe spec
  }

  /// A copy of the value; nil when the key is not there.
  @inlinable
  public func lookup(_ key: Key, vnet: UInt32, initial: Value) -> Value? {
    guard let handle = unsafe handle else { return nil }
    var value = initial
    let error = unsafe withUnsafePointer(to: key) { key in unsafe table_lookup(handle, vnet, key, &value) }
    return error == 0 ? value : nil
  }

  /// Longest-prefix match: a copy of the value of the longest prefix that covers `address`, and its length in bits.
  @inlinable
  public func match<Address: BitwiseCopyable>(
    _ address: Address, vnet: UInt32, initial: Value
  ) -> (value: Value, prefixLength: UInt32)? {
    guard let handle = unsafe handle else { return nil }
    var value = initial
    var length: UInt32 = 0
    let error = unsafe withUnsafePointer(to: address) { address in
      unsafe table_match(handle, vnet, address, &value, &length)
    }
    return error == 0 ? (value, length) : nil
  }

  /// Sets the value of a key. False when the table is full or the key is wrong.
  @inlinable @discardableResult
  public func insert(_ key: Key, _ value: Value, vnet: UInt32) -> Bool {
    guard let handle = unsafe handle else { return false }
    return unsafe withUnsafePointer(to: key) { key in
      unsafe withUnsafePointer(to: value) { value in unsafe table_insert(handle, vnet, key, value) }
    } == 0
  }

  /// Removes a key. False when it was not there.
  @inlinable @discardableResult
  public func remove(_ key: Key, vnet: UInt32) -> Bool {
    guard let handle = unsafe handle else { return false }
    return unsafe withUnsafePointer(to: key) { key in unsafe table_remove(handle, vnet, key, nil) } == 0
  }

  /// Removes a key and gives out its value; nil when it was not there. `initial` only says the type.
  @inlinable
  public func take(_ key: Key, vnet: UInt32, initial: Value) -> Value? {
    guard let handle = unsafe handle else { return nil }
    var value = initial
    let error = unsafe withUnsafePointer(to: key) { key in unsafe table_remove(handle, vnet, key, &value) }
    return error == 0 ? value : nil
  }

  /// What becomes of an entry after a visit.
  public typealias Verdict = TableVerdict

  /// Visits every entry of the vnet, each with exclusive access. Returns how many were removed. Takes memory for the
  /// closure: for what is done now and then; on a packet's path, take the form with a visitor.
  @inlinable @discardableResult
  public func sweep(vnet: UInt32, _ body: (_ key: Key, _ value: inout Value) -> Verdict) -> UInt32 {
    guard let handle = unsafe handle else { return 0 }
    return unsafe withVisit({ key, value, _ in
      unsafe body(key.loadUnaligned(as: Key.self), &value.assumingMemoryBound(to: Value.self).pointee)
    }) { visit in
      unsafe table_sweep(handle, vnet, visitEntry, visit)
    }
  }

  /// Entries of the vnet.
  @inlinable
  public func count(vnet: UInt32) -> Int {
    guard let handle = unsafe handle else { return 0 }
    return unsafe Int(table_count(handle, vnet))
  }

  /// Bytes of packets that the entries of the vnet hold, as their owner counts them.
  @inlinable
  public func heldBytes(vnet: UInt32) -> UInt64 {
    guard let handle = unsafe handle else { return 0 }
    return unsafe table_held_bytes(handle, vnet)
  }
}

/// What becomes of a table's entry after a visit.
public enum TableVerdict: Sendable {
  /// It stays.
  case keep
  /// It is removed.
  case remove
}

/// What travels through the host's `void *` to `visitEntry`: a C callback can't be generic.
@safe @usableFromInline
struct Visit {
  @usableFromInline typealias Body = (UnsafeRawPointer, UnsafeMutableRawPointer, Bool) -> TableVerdict
  @usableFromInline let body: Body

  @inlinable
  init(body: @escaping Body) {
    unsafe self.body = unsafe body
  }
}

/// Calls `call` with a pointer that, passed to `visitEntry`, leads to `body`; both only while this function runs.
@inlinable
func withVisit<Result>(
  _ body: (UnsafeRawPointer, UnsafeMutableRawPointer, Bool) -> TableVerdict,
  _ call: (UnsafeMutableRawPointer) -> Result
) -> Result {
  unsafe withoutActuallyEscaping(body) { body in
    var visit = unsafe Visit(body: body)
    return unsafe withUnsafeMutablePointer(to: &visit) { unsafe call(UnsafeMutableRawPointer($0)) }
  }
}

/// The `table_update_t` of every visit.
@usableFromInline
func visitEntry(
  _ argument: UnsafeMutableRawPointer?, _ key: UnsafeRawPointer?, _ value: UnsafeMutableRawPointer?, _ found: Int32
) -> Int32 {
  // The host passes back what `withVisit` gave, and pointers to this entry; none is null.
  guard let argument = unsafe argument, let key = unsafe key, let value = unsafe value else { return TABLE_KEEP }
  let visit = unsafe argument.assumingMemoryBound(to: Visit.self).pointee
  return unsafe visit.body(key, value, found != 0) == .remove ? TABLE_REMOVE : TABLE_KEEP
}
