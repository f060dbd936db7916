/// A counter and its value, summed over all threads.
public struct CounterValue: Sendable, Equatable {
  /// Left of the dot: what it belongs to.
  public var group: String
  /// Right of the dot.
  public var name: String
  /// The plugin that defined it first; nil for the host.
  public var owner: String?
  /// The sum.
  public var value: UInt64
}

extension Engine {
  /// Finds or makes the host's counter `group.name`, for `counter_add`. [control]
  public func defineCounter(_ name: String) throws(CounterError) -> UInt32 {
    try counters.define(name, owner: nil)
  }

  /// Every counter, in the order in which they were defined. [any thread]
  public func counterSnapshot() -> [CounterValue] {
    counters.listed().map { entry in
      CounterValue(
        group: entry.group, name: entry.name, owner: entry.owner,
        value: counters.value(of: entry.number, threads: threads))
    }
  }

  /// The value of `group.name`; nil when there is no such counter. [any thread]
  public func counterValue(named name: String) -> UInt64? {
    counters.number(named: name).map { counters.value(of: $0, threads: threads) }
  }
}
