/// A callout that lies in a global variable and is armed by several threads.
///
/// For Swift, each call of a mutating method is a change of the whole variable, and two at a time are a race, though all that
/// they touch are words that the host changes atomically. So the variable is named once, in `netisr_plugin_register`:
///
/// ```swift
/// nonisolated(unsafe) var place = Callout()
/// nonisolated(unsafe) var timer = SharedCallout()
///
/// unsafe timer = SharedCallout(at: &place)
/// ```
@safe @frozen
public struct SharedCallout: Sendable {
  // A global variable's, which is where it is for as long as the plugin is mapped; nil before registration.
  @usableFromInline nonisolated(unsafe) var raw: UnsafeMutablePointer<callout>?

  /// None yet: arming it does nothing.
  @inlinable
  public init() {
    unsafe raw = nil
  }

  /// The callout in a global variable.
  @inlinable
  public init(at place: UnsafeMutablePointer<Callout>) {
    // A Callout is a `callout` and nothing else.
    unsafe raw = UnsafeMutableRawPointer(place).assumingMemoryBound(to: callout.self)
  }

  /// As `Callout.reset`. [any thread]
  @inlinable @discardableResult
  public func reset(after delay: UInt64, argument: UInt = 0, _ function: Callout.Function) -> Bool {
    guard let raw = unsafe raw else { return false }
    return unsafe callout_reset(raw, delay, Callout.raw(function), UnsafeMutableRawPointer(bitPattern: argument)) >= 0
  }

  /// The same, on the workstream of a CPU: any number is good. [any thread]
  @inlinable @discardableResult
  public func reset(
    after delay: UInt64, on cpu: UInt32, argument: UInt = 0, _ function: Callout.Function
  ) -> Bool {
    guard let raw = unsafe raw else { return false }
    return unsafe callout_reset_on(
      raw, delay, Callout.raw(function), UnsafeMutableRawPointer(bitPattern: argument), cpu) >= 0
  }

  /// Whether it is armed, and was not called yet. [any thread]
  @inlinable
  public var isPending: Bool {
    guard let raw = unsafe raw else { return false }
    return unsafe callout_pending(raw) != 0
  }
}
