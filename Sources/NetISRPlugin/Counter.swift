/// A counter in the host: it survives reloads, and adding to it is a plain store.
///
/// A plugin's counters are global variables, `Counter()` until `define` gives them their names during registration.
public struct Counter: Sendable {
  @usableFromInline var id: counter_t = counter_t(COUNTER_NONE)

  /// A counter to which nobody looks yet.
  @inlinable
  public init() {}

  /// Finds or makes the counter `group.name`. [control] Throws the errno value that `counter_define` returned.
  @inlinable
  public init(_ name: StaticString) throws(Errno) {
    let error = name.withUTF8Buffer { bytes in
      // A static string of ASCII or UTF-8 ends with a NUL.
      unsafe counter_define(UnsafeRawPointer(bytes.baseAddress!).assumingMemoryBound(to: CChar.self), &id)
    }
    if error != 0 { throw Errno(error) }
  }

  /// Adds `n`. [any thread]
  @inlinable
  public func add(_ n: UInt64 = 1) {
    counter_add(id, n)
  }
}

/// An errno value, as the C contract returns it.
public struct Errno: Error, Sendable {
  /// `EINVAL`, `ENOSPC`, ...
  public let code: Int32

  /// Wraps a value that is not 0.
  @inlinable
  public init(_ code: Int32) {
    self.code = code
  }
}
