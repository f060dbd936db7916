/// A value that is worth something only for a while.
public protocol Aging: BitwiseCopyable, Sendable {
  /// When a packet last confirmed it, and by which clock. Kept by the `AgingTable`.
  var seen: UInt64 { get set }
  var clock: UInt32 { get set }
}

/// What a packet teaches about one key of an `AgingTable`.
public protocol Lesson {
  associatedtype Value: Aging

  /// Changes `value` in place; `isNew` when nothing was known, and `value` is as the table's entries start. Must not
  /// call into tables nor hand packets on.
  mutating func apply(to value: inout Value, isNew: Bool)
}

/// A table of what packets taught: neighbours, memberships.
///
/// An entry that no packet confirmed for `lifetime` is dead, by the clock of the packets: it reads as if it were not
/// there, and is swept away within a second of that clock, whether or not packets come (`ClockTimers`); what is
/// learned by one clock never dies by another. When the table is full, the entry that was made first makes room: who
/// floods the table with inventions can push knowledge out of it, but can't stop it from learning.
public struct AgingTable<Key: BitwiseCopyable, Value: Aging>: Sendable {
  @usableFromInline var table = Table<Key, Value>()
  @usableFromInline var timers = ClockTimers()
  @usableFromInline let lifetime: UInt64
  @usableFromInline let empty: Value
  @usableFromInline var timeouts = Counter()
  @usableFromInline var evictions = Counter()

  /// A table that is not open: it learns nothing. `lifetime` is in nanoseconds; `empty` is what an entry starts as.
  @inlinable
  public init(lifetime: UInt64, empty: Value) {
    self.lifetime = lifetime
    self.empty = empty
  }

  /// Opens the table `name` of this plugin, and `timers`, where its timers are. [control]
  ///
  /// - Parameters:
  ///   - format: how people are shown its entries: see `Table`.
  ///   - timeouts: counts entries that died.
  ///   - evictions: counts those that made room.
  ///   - age: called when something may have died; it hands its argument to `age(_:)` of this table.
  @inlinable
  public mutating func open(
    _ name: StaticString, timers timersName: StaticString, maxEntries: UInt32, format: StaticString? = nil,
    timeouts: Counter, evictions: Counter, age: Callout.Function
  ) throws(Errno) {
    table = try Table(opening: name, maxEntries: maxEntries, format: format)
    timers = try ClockTimers(opening: timersName, age)
    self.timeouts = timeouts
    self.evictions = evictions
  }

  /// A copy of the value; nil when the key is not there, or its entry is dead at `now`.
  @inlinable
  public func lookup(_ key: Key, at now: Moment, vnet: UInt32) -> Value? {
    guard let value = table.lookup(key, vnet: vnet, initial: empty), value.isAlive(at: now, lifetime) else {
      return nil
    }
    return value
  }

  /// Confirms the entry of `key`, or makes it. False when there is no room, and none could be made.
  @inlinable
  public func learn<L: Lesson>(
    _ lesson: inout L, of key: Key, at now: Moment, vnet: UInt32
  ) -> Bool where L.Value == Value {
    var visitor = Confirmation(lesson: lesson, now: now, lifetime: lifetime, empty: empty)
    // Another thread may take the room that was made: what is lost then is one lesson, which will be repeated.
    if !table.update(key, vnet: vnet, with: &visitor) {
      if table.evictOldest(vnet: vnet) { evictions.add() }
      guard table.update(key, vnet: vnet, with: &visitor) else { return false }
    }
    lesson = visitor.lesson
    if visitor.isRevived { timeouts.add() }
    if visitor.isMade { timers.arm(now.clock, after: lifetime &+ 1) }
    return true
  }

  /// Removes a key. False when it was not there.
  @inlinable @discardableResult
  public func remove(_ key: Key, vnet: UInt32) -> Bool {
    table.remove(key, vnet: vnet)
  }

  /// Visits every entry of the vnet, each with exclusive access, alive or dead. Returns how many were removed.
  @inlinable @discardableResult
  public func sweep(vnet: UInt32, _ body: (_ key: Key, _ value: inout Value) -> TableVerdict) -> UInt32 {
    table.sweep(vnet: vnet, body)
  }

  /// Entries of the vnet, alive or dead.
  @inlinable
  public func count(vnet: UInt32) -> Int { table.count(vnet: vnet) }

  /// Removes the dead of a clock, which the argument names, and arms its timer anew for those that are left. [handler]
  public func age(_ clock: UInt) {
    let now = Moment.now(of: UInt32(truncatingIfNeeded: clock))
    var sweep = Sweep<Value>(now: now, lifetime: lifetime)
    for vnet in 0..<UInt32(NETISR_MAXVNET) where table.count(vnet: vnet) > 0 {
      timeouts.add(UInt64(table.sweep(vnet: vnet, with: &sweep)))
    }
    if let rest = sweep.rest { timers.arm(now.clock, after: Swift.max(rest, AgingInterval.shortest)) }
  }
}

/// How often a table is searched for the dead.
@usableFromInline
enum AgingInterval {
  /// In nanoseconds, of each clock.
  @usableFromInline static var shortest: UInt64 { 1_000_000_000 }
}

extension Aging {
  /// Whether the entry still counts at `now`. One of another clock does not: an interface has one clock, so it is of a
  /// former life of that interface.
  @inlinable
  func isAlive(at now: Moment, _ lifetime: UInt64) -> Bool {
    guard let age = now.elapsed(since: Moment(clock: clock, time: seen)) else { return false }
    return age <= lifetime
  }
}

/// A lesson, and the time of it.
@usableFromInline
struct Confirmation<L: Lesson>: TableVisitor {
  @usableFromInline var lesson: L
  @usableFromInline let now: Moment
  @usableFromInline let lifetime: UInt64
  @usableFromInline let empty: L.Value
  /// The entry was not there.
  @usableFromInline var isMade = false
  /// The entry was there, but dead.
  @usableFromInline var isRevived = false

  @inlinable
  init(lesson: L, now: Moment, lifetime: UInt64, empty: L.Value) {
    self.lesson = lesson
    self.now = now
    self.lifetime = lifetime
    self.empty = empty
  }

  @inlinable
  mutating func visit(_ value: inout L.Value, isNew: Bool) -> TableVerdict {
    isMade = isNew
    isRevived = !isNew && !value.isAlive(at: now, lifetime)
    let startsAfresh = isMade || isRevived
    if startsAfresh { value = empty }
    lesson.apply(to: &value, isNew: startsAfresh)
    value.clock = now.clock
    value.seen = now.time
    return .keep
  }
}

/// Removes the dead of one clock.
@usableFromInline
struct Sweep<Value: Aging>: TableVisitor {
  @usableFromInline let now: Moment
  @usableFromInline let lifetime: UInt64
  /// Nanoseconds until the next one dies; nil when none of this clock is left.
  @usableFromInline var rest: UInt64?

  @inlinable
  init(now: Moment, lifetime: UInt64) {
    self.now = now
    self.lifetime = lifetime
  }

  @inlinable
  mutating func visit(_ value: inout Value, isNew: Bool) -> TableVerdict {
    guard let age = now.elapsed(since: Moment(clock: value.clock, time: value.seen)) else { return .keep }
    guard age <= lifetime else { return .remove }
    let rest = lifetime &- age &+ 1
    self.rest = Swift.min(self.rest ?? rest, rest)
    return .keep
  }
}
