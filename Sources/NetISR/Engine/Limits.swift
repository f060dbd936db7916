import CNetISR
import Glibc

// Queue limits and drops, over all workstreams.

extension Engine {
  /// The limit of a protocol's queues, in packets. (netisr_getqlimit)
  public func queueLimit(of proto: UInt32) throws(EngineError) -> Int {
    try registration(Self.checkNumber(proto)).queueLimit
  }

  /// Sets it, at once; packets beyond a smaller limit stay, and 0 queues nothing more. (netisr_setqlimit)
  public func setQueueLimit(of proto: UInt32, to limit: Int) throws(EngineError) {
    try withControl { () throws(EngineError) in
      let number = try Self.checkNumber(proto)
      _ = try registration(number)
      guard limit >= 0, limit <= configuration.maxQueueLimit else {
        throw EngineError(EINVAL, "queue limit \(limit): expected 0 to \(configuration.maxQueueLimit)")
      }
      events.note("protocol \(proto): queue limit \(limit)")
      setQueueLimit(number, limit)
    }
  }

  /// Packets dropped for full queues since the last reset. (netisr_getqdrops)
  public func queueDrops(of proto: UInt32) throws(EngineError) -> UInt64 {
    let number = try Self.checkNumber(proto)
    _ = try registration(number)
    var drops: UInt64 = 0
    unsafe forEachQueue(of: number..<number + 1) { unsafe drops &+= $0.pointee.figures.drops }
    return drops
  }

  /// Sets the figure to 0; the balance is not touched. (netisr_clearqdrops)
  public func clearQueueDrops(of proto: UInt32) throws(EngineError) {
    let number = try Self.checkNumber(proto)
    _ = try registration(number)
    unsafe forEachQueue(of: number..<number + 1) { unsafe $0.pointee.clearDrops() }
  }

  /// Sets a protocol's own dispatch policy. [control]
  public func setDispatchPolicy(of proto: UInt32, to dispatch: Dispatch) throws(EngineError) {
    try withControl { () throws(EngineError) in
      let number = try Self.checkNumber(proto)
      let old = try registration(number)
      var record = unsafe old.record.pointee
      record.dispatch = dispatch
      events.note("protocol \(proto): dispatch policy \(dispatch.name)")
      publish(record, in: number, insteadOf: old)
    }
  }
}
