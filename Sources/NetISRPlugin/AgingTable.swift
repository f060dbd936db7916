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
/// there. The dead are swept away when something new is learned, at most once a minute of each clock; what is
/// learned by one clock never dies by another. When the table is full, the entry that was made first makes room: who
/// floods the table with inventions can push knowledge out of it, but can't stop it from learning.
public struct AgingTable<Key: BitwiseCopyable, Value: Aging>: Sendable {
  @usableFromInline var table = Table<Key, Value>()
  @usableFromInline var sweeps = Table<UInt32, UInt64>()
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

  /// Opens the table `name` of this plugin, and `sweeps`, where the time of each clock's last sweep is kept. [control]
  ///
  /// `timeouts` counts entries that died, `evictions` those that made room.
  @inlinable
  public mutating func open(
    _ name: StaticString, sweeps sweepsName: StaticString, maxEntries: UInt32, timeouts: Counter, evictions: Counter
  ) throws(Errno) {
    table = try Table(opening: name, maxEntries: maxEntries)
    sweeps = try Table(opening: sweepsName, maxEntries: 1024)
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
    if visitor.isMade { sweepIfDue(at: now, vnet: vnet) }
    return true
  }

  /// Removes a key. False when it was not there.
  @inlinable @discardableResult
  public func remove(_ key: Key, vnet: UInt32) -> Bool {
    table.remove(key, vnet: vnet)
  }

  @inlinable
  func sweepIfDue(at now: Moment, vnet: UInt32) {
    var schedule = SweepSchedule(now: now.time)
    // More clocks than places: the one that came first loses its place, and this one gets it the next time.
    if !sweeps.update(now.clock, vnet: vnet, with: &schedule) { _ = sweeps.evictOldest(vnet: vnet) }
    guard schedule.isDue else { return }
    var sweep = Sweep<Value>(now: now, lifetime: lifetime)
    timeouts.add(UInt64(table.sweep(vnet: vnet, with: &sweep)))
  }
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

  @inlinable
  init(now: Moment, lifetime: UInt64) {
    self.now = now
    self.lifetime = lifetime
  }

  @inlinable
  mutating func visit(_ value: inout Value, isNew: Bool) -> TableVerdict {
    value.clock == now.clock && !value.isAlive(at: now, lifetime) ? .remove : .keep
  }
}

/// Whether a minute has gone by since a clock's last sweep, in either direction: a capture may start over.
@usableFromInline
struct SweepSchedule: TableVisitor {
  @usableFromInline static var interval: UInt64 { 60_000_000_000 }
  @usableFromInline let now: UInt64
  @usableFromInline var isDue = false

  @inlinable
  init(now: UInt64) {
    self.now = now
  }

  @inlinable
  mutating func visit(_ last: inout UInt64, isNew: Bool) -> TableVerdict {
    let distance = now > last ? now &- last : last &- now
    isDue = !isNew && distance >= Self.interval
    if isNew || isDue { last = now }
    return .keep
  }
}
