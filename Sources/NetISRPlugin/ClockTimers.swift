/// One callout for each clock by which something ages: what a table needs whose entries die when no packet comes, too.
///
/// They lie in a table of the plugin's own, so that any number of clocks is good, and a new generation of the plugin finds
/// by which clocks the old one's entries age.
public struct ClockTimers: Sendable {
  /// Clocks, at most; beyond, the one that came first ages no more until something new comes by it.
  @usableFromInline static var limit: UInt32 { 1024 }
  @usableFromInline var table = Table<UInt32, Callout>()
  @usableFromInline var function: Callout.Function

  /// Timers that are not open: they never run.
  @inlinable
  public init() {
    function = { _ in }
  }

  /// Opens the table `name` of this plugin. `function` gets the clock as its argument. [control]
  @inlinable
  public init(opening name: StaticString, _ function: Callout.Function) throws(Errno) {
    self.function = function
    table = try Table(opening: name, maxEntries: Self.limit, format: "clock:u32 = -:16")
    var resumption = Resumption(function: function)
    table.sweep(vnet: 0, with: &resumption)
  }

  /// Arms a clock's timer, in nanoseconds, unless it is armed already. [handler]
  @inlinable
  public func arm(_ clock: UInt32, after delay: UInt64) {
    var arming = Arming(clock: clock, delay: delay, function: function)
    if table.update(clock, vnet: 0, with: &arming) { return }
    _ = table.evictOldest(vnet: 0)
    _ = table.update(clock, vnet: 0, with: &arming)
  }
}

/// Has a new generation look, after a second of each clock, what is left of the one before. The timers in the table are that
/// one's until this one serves: so they are not touched.
@usableFromInline
struct Resumption: TableVisitor {
  @usableFromInline let function: Callout.Function

  @inlinable
  init(function: Callout.Function) {
    self.function = function
  }

  @inlinable
  mutating func visit(_ timer: inout Callout, isNew: Bool) -> TableVerdict {
    // The host keeps it.
    var look = Callout(clock: timer.clock)
    look.reset(after: 1_000_000_000, argument: UInt(timer.clock), function)
    return .keep
  }
}

/// Arms what is not armed.
@usableFromInline
struct Arming: TableVisitor {
  @usableFromInline let clock: UInt32
  @usableFromInline let delay: UInt64
  @usableFromInline let function: Callout.Function

  @inlinable
  init(clock: UInt32, delay: UInt64, function: Callout.Function) {
    self.clock = clock
    self.delay = delay
    self.function = function
  }

  @inlinable
  mutating func visit(_ timer: inout Callout, isNew: Bool) -> TableVerdict {
    if isNew { timer = Callout(clock: clock) }
    if !timer.isPending { timer.reset(after: delay, argument: UInt(timer.clock), function) }
    return .keep
  }
}

extension Callout {
  /// The clock that it is by.
  @inlinable
  public var clock: UInt32 { raw.c_clock }
}
