import CNetISR

/// What handling one protocol's packets took in one workstream since accounting was switched on.
public struct AccountStatistics: Sendable {
  /// Packets for which the handler was called.
  public var packets: UInt64 = 0
  /// Batches that they came in: one grace-period section each.
  public var batches: UInt64 = 0
  /// What the handler took itself, in nanoseconds, without handlers of other protocols that it called at once.
  public var nanoseconds: UInt64 = 0
  /// Its longest call with all that it called, in nanoseconds.
  public var longest: UInt64 = 0
  /// Calls of its callouts, and of `nh_drainedcpu`.
  public var callbacks: UInt64 = 0
  /// What they took themselves, in nanoseconds.
  public var callbackNanoseconds: UInt64 = 0
  /// The longest time in a queue, in nanoseconds, to 16.
  public var longestDelay: UInt64 = 0
  /// Times between queueing and handler in nanoseconds, to 2 %, and how many packets had to wait so long.
  public var delays: [UInt64: UInt64] = [:]
}

extension Engine {
  /// The accounts of a protocol in a workstream, which those threads keep that count as on its CPU; nil while accounting is
  /// off. Threads on CPUs beyond the last workstream are counted to those that they share a place with.
  func accountStatistics(of number: Int, wsid: Int, among count: Int) -> AccountStatistics? {
    guard accounting.isOn else { return nil }
    let session = accounting.session(of: number)
    var sum = AccountStatistics()
    unsafe threads.forEach { record in
      guard unsafe Int(record.pointee.cpu) % count == wsid else { return }
      unsafe record.pointee.accounts.existing(number)?.pointee.add(to: &sum, session: session)
    }
    return sum
  }
}
