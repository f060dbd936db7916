/// A function that is called later, in handler context (callout.h), whether or not packets come.
///
/// The host keeps the callout; this is what its owner knows it by, and may lie in a global variable or in a table's value.
/// It ends with this generation of the plugin: the next one arms its own, in its registration for instance.
///
/// ```swift
/// nonisolated(unsafe) var timer = Callout()
///
/// unsafe timer.reset(after: 1_000_000_000) { _ in tick() }
/// ```
@frozen
public struct Callout: BitwiseCopyable, Sendable {
  /// What is called: a C function, which gets the argument. A closure that captures nothing is one.
  public typealias Function = @convention(c) (_ argument: UInt) -> Void

  @usableFromInline var raw = callout()

  /// A callout that is not armed, by a clock (`Interface.clock`): 0 is the host's, others are captures'.
  @inlinable
  public init(clock: UInt32 = 0) {
    raw.c_clock = clock
  }

  /// Arms it, or puts it off: `function` is called once, with `argument`, after so many nanoseconds, on the workstream of
  /// this thread's CPU. False when too many are armed; then nothing has changed. [any thread]
  @inlinable @discardableResult
  public mutating func reset(after delay: UInt64, argument: UInt = 0, _ function: Function) -> Bool {
    unsafe callout_reset(&raw, delay, Self.raw(function), UnsafeMutableRawPointer(bitPattern: argument)) >= 0
  }

  /// The same, on the workstream of a CPU: any number is good.
  @inlinable @discardableResult
  public mutating func reset(after delay: UInt64, on cpu: UInt32, argument: UInt = 0, _ function: Function) -> Bool {
    unsafe callout_reset_on(&raw, delay, Self.raw(function), UnsafeMutableRawPointer(bitPattern: argument), cpu) >= 0
  }

  /// As the host calls it: a pointer is passed as a number of its size is, in all of the host's calling conventions.
  @inlinable
  static func raw(_ function: Function) -> @convention(c) (UnsafeMutableRawPointer?) -> Void {
    unsafe unsafeBitCast(function, to: (@convention(c) (UnsafeMutableRawPointer?) -> Void).self)
  }

  /// Disarms it. False when there was nothing to disarm, or when it is being called right now. [any thread]
  @inlinable @discardableResult
  public mutating func stop() -> Bool {
    unsafe callout_stop(&raw) == 1
  }

  /// Whether it is armed, and was not called yet. [any thread]
  @inlinable
  public var isPending: Bool {
    // In its place: the host writes there while others look.
    mutating get { unsafe callout_pending(&raw) != 0 }
  }
}

extension Moment {
  /// What a clock shows now: of a capture, the latest time that its packets have told.
  @inlinable
  public static func now(of clock: UInt32 = 0) -> Moment {
    Moment(clock: clock, time: callout_time(clock))
  }
}
