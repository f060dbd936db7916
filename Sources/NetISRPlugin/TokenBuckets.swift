/// How often something may be done for each of many peers: a bucket of tokens for each key, which holds as many as it gets
/// in a second.
///
/// One number says all of a bucket: the time at which it would be full again. Each token moves it on by its share of a
/// second; when it is more than a second away, the bucket is empty. The buckets are in a table of the host's: they are
/// bounded, and people see them. When there is no room the bucket that was made first goes: who speaks under many names
/// gets his tokens anew, up to what else limits all of them together.
public struct TokenBuckets<Key: BitwiseCopyable>: Sendable {
  @usableFromInline var table = Table<Key, UInt64>()

  /// Not open: nothing is limited.
  @inlinable
  public init() {}

  /// Opens the table `name` of this plugin; `format` as `Table` has it, of a value of eight bytes. [control]
  @inlinable
  public init(opening name: StaticString, maxEntries: UInt32, format: StaticString) throws(Errno) {
    table = try Table(opening: name, maxEntries: maxEntries, format: format)
  }

  /// Takes a token; false when there is none.
  ///
  /// - Parameter rate: tokens in a second, at least 1.
  @inlinable
  public func take(_ key: Key, rate: Int64, vnet: UInt32) -> Bool {
    var taking = TakingToken(now: netisr_time(), rate: rate)
    if table.update(key, vnet: vnet, with: &taking) { return taking.isTaken }
    // Another thread may take the room that was made: then nobody has counted, and it may be done.
    _ = table.evictOldest(vnet: vnet)
    return table.update(key, vnet: vnet, with: &taking) ? taking.isTaken : true
  }
}

/// One token out of one bucket.
public struct TakingToken: TableVisitor {
  @usableFromInline static var second: UInt64 { 1_000_000_000 }

  @usableFromInline let now: UInt64
  @usableFromInline let share: UInt64
  /// There was one.
  public private(set) var isTaken = false

  /// At `now`, in nanoseconds since the epoch, of a bucket that gets `rate` in a second.
  @inlinable
  public init(now: UInt64, rate: Int64) {
    self.now = now
    share = Self.second / UInt64(Swift.max(rate, 1))
  }

  /// The value is the time at which the bucket is full.
  public mutating func visit(_ full: inout UInt64, isNew: Bool) -> TableVerdict {
    // A clock that was set back must not empty the bucket for long.
    let start = isNew || full < now || full > now &+ 2 &* Self.second ? now : full
    isTaken = start &+ share <= now &+ Self.second
    if isTaken { full = start &+ share }
    return .keep
  }
}
