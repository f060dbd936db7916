/// What is done to a table's entry while it is locked: a struct with what goes in and what comes out.
///
/// The host's tables take a C function and a pointer. A closure that captures can't be passed that way without memory
/// from the heap, which the path of a packet must not take; a visitor is passed by its address. It may own a packet.
public protocol TableVisitor: ~Copyable {
  associatedtype Value: BitwiseCopyable

  /// Changes `value` in place; `isNew` when it was not there, and is all zero. Must not call into tables nor hand packets
  /// on.
  mutating func visit(_ value: inout Value, isNew: Bool) -> TableVerdict
}

extension Table {
  /// Visits the entry of `key` with exclusive access; a missing one is made. False when the table is full.
  @inlinable
  public func update<V: TableVisitor & ~Copyable>(
    _ key: Key, vnet: UInt32, with visitor: inout V
  ) -> Bool where V.Value == Value {
    guard let handle = unsafe handle else { return false }
    return unsafe withUnsafePointer(to: key) { key in
      unsafe withCall(of: &visitor) { call in unsafe table_update(handle, vnet, key, callVisitor, call) }
    } == 0
  }

  /// Visits every entry of the vnet, each with exclusive access. Returns how many were removed.
  @inlinable @discardableResult
  public func sweep<V: TableVisitor>(vnet: UInt32, with visitor: inout V) -> UInt32 where V.Value == Value {
    guard let handle = unsafe handle else { return 0 }
    return unsafe withCall(of: &visitor) { call in unsafe table_sweep(handle, vnet, callVisitor, call) }
  }

  /// Removes the entry that was made first. False when the table is empty.
  @inlinable
  public func evictOldest(vnet: UInt32) -> Bool {
    guard let handle = unsafe handle else { return false }
    return unsafe table_evict(handle, vnet, { _, _, _, _ in TABLE_REMOVE }, nil) == 0
  }

  /// Calls `body` with what, passed to `callVisitor`, leads to `visitor`; only while this function runs.
  @inlinable
  func withCall<V: TableVisitor & ~Copyable, Result>(
    of visitor: inout V, _ body: (UnsafeMutableRawPointer) -> Result
  ) -> Result where V.Value == Value {
    unsafe withUnsafeMutablePointer(to: &visitor) { visitor in
      // Captures nothing but types: no context, no memory.
      var call = unsafe VisitorCall(visitor: visitor) { visitor, value, isNew in
        // The host passes a value of this table's size, aligned to 16.
        unsafe visitor.assumingMemoryBound(to: V.self).pointee.visit(
          &value.assumingMemoryBound(to: V.Value.self).pointee, isNew: isNew)
      }
      return unsafe withUnsafeMutablePointer(to: &call) { unsafe body($0) }
    }
  }
}

/// A visitor without its type: a C callback can't be generic.
@safe @usableFromInline
struct VisitorCall {
  @usableFromInline typealias Body = (UnsafeMutableRawPointer, UnsafeMutableRawPointer, Bool) -> TableVerdict
  @usableFromInline let visitor: UnsafeMutableRawPointer
  @usableFromInline let body: Body

  @inlinable
  init(visitor: UnsafeMutableRawPointer, body: @escaping Body) {
    unsafe self.visitor = unsafe visitor
    unsafe self.body = unsafe body
  }
}

/// The `table_update_t` of every visitor.
@usableFromInline
func callVisitor(
  _ argument: UnsafeMutableRawPointer?, _ key: UnsafeRawPointer?, _ value: UnsafeMutableRawPointer?, _ found: Int32
) -> Int32 {
  // The host passes back what `withCall` gave, and a pointer to this entry's value; none is null.
  guard let argument = unsafe argument, let value = unsafe value else { return TABLE_KEEP }
  let call = unsafe argument.assumingMemoryBound(to: VisitorCall.self)
  return unsafe call.pointee.body(call.pointee.visitor, value, found == 0) == .remove ? TABLE_REMOVE : TABLE_KEEP
}
