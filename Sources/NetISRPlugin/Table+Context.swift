/// Visits that allocate nothing, for what happens with each packet.
///
/// The closures that `update(_:vnet:_:)` and its like take may capture what they want; for that they have to be made
/// on the heap, since they go through the host's `void *`. Here what the visit works on is handed in by name, and
/// the closure captures nothing: it is a function and no more.
///
/// ```swift
/// var visit = Counting(step: 2)
/// table.update(key, vnet: vnet, with: &visit) { visit, value, isNew in
///   value.count &+= visit.step
///   return .keep
/// }
/// ```
extension Table {
  /// Visits the entry of `key` with exclusive access; a missing one is made, all zero, with `isNew` true. False when
  /// the table is full. `body` must not call into tables nor hand packets on, and should capture nothing.
  @inlinable @discardableResult
  public func update<Context: ~Copyable>(
    _ key: Key, vnet: UInt32, with context: inout Context,
    _ body: @escaping (_ context: inout Context, _ value: inout Value, _ isNew: Bool) -> Verdict
  ) -> Bool {
    guard let handle = unsafe handle else { return false }
    return unsafe withUnsafeMutablePointer(to: &context) { context in
      var typed = unsafe TypedVisit(context: context, body: body)
      return unsafe withUnsafeMutablePointer(to: &typed) { typed in
        // Captures nothing but types, so that it is no object.
        var visit = unsafe ContextVisit(typed: UnsafeMutableRawPointer(typed)) { typed, value, found in
          // The host passes a value of this table's size, aligned to 16; `typed` is what was stored two lines above.
          let typed = unsafe typed.assumingMemoryBound(to: TypedVisit<Context, Value>.self)
          let value = unsafe value.assumingMemoryBound(to: Value.self)
          return unsafe typed.pointee.body(&typed.pointee.context.pointee, &value.pointee, !found)
        }
        return unsafe withUnsafePointer(to: key) { key in
          unsafe withUnsafeMutablePointer(to: &visit) { visit in
            unsafe table_update(handle, vnet, key, visitEntryWithContext, UnsafeMutableRawPointer(visit))
          }
        }
      }
    } == 0
  }
}

/// What a visit works on, and its body.
@safe @usableFromInline
struct TypedVisit<Context: ~Copyable, Value> {
  @usableFromInline let context: UnsafeMutablePointer<Context>
  @usableFromInline let body: (inout Context, inout Value, Bool) -> TableVerdict

  @inlinable
  init(context: UnsafeMutablePointer<Context>, body: @escaping (inout Context, inout Value, Bool) -> TableVerdict) {
    unsafe self.context = context
    self.body = body
  }
}

/// The same without its types, for the host's `void *`.
@safe @usableFromInline
struct ContextVisit {
  @usableFromInline typealias Run = (UnsafeMutableRawPointer, UnsafeMutableRawPointer, Bool) -> TableVerdict
  @usableFromInline let typed: UnsafeMutableRawPointer
  @usableFromInline let run: Run

  @inlinable
  init(typed: UnsafeMutableRawPointer, run: @escaping Run) {
    unsafe self.typed = typed
    unsafe self.run = unsafe run
  }
}

/// The `table_update_t` of these visits.
@usableFromInline
func visitEntryWithContext(
  _ argument: UnsafeMutableRawPointer?, _ key: UnsafeRawPointer?, _ value: UnsafeMutableRawPointer?, _ found: Int32
) -> Int32 {
  // The host passes back what `update` gave, and a pointer to this entry's value; none is null.
  guard let argument = unsafe argument, let value = unsafe value else { return TABLE_KEEP }
  let visit = unsafe argument.assumingMemoryBound(to: ContextVisit.self)
  return unsafe visit.pointee.run(visit.pointee.typed, value, found != 0) == .remove ? TABLE_REMOVE : TABLE_KEEP
}
