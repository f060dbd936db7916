import CNetISR

/// What a lost thread had in its hands for other protocols than the one that hangs: queued by who goes on in its place.
///
/// Not by the watchdog, which finds them: a policy may be asked where they go, that is a plugin's code again, and who
/// would watch the watchdog? Whoever goes on is watched, and should it be lost in that, the next one goes on with what
/// is left.
///
/// Safe: each pointer in `lists` is a chain that nobody else has; one owner at a time has this, the watchdog, or the
/// thread that queues them.
@safe
final class PacketsLeftBehind: @unchecked Sendable {
  // By protocol: within one, in order.
  private var lists = unsafe [ArraySlice<UnsafeMutablePointer<mbuf>>](repeating: [], count: Protocols.count)

  var isEmpty: Bool { unsafe lists.allSatisfy(\.isEmpty) }

  /// Takes over a packet, behind those of its protocol that came before.
  func add(_ m: UnsafeMutablePointer<mbuf>, of number: Int) { unsafe lists[number].append(m) }

  /// Queues all, as on the calling thread's CPU; with that, their take-over has ended. [attached thread]
  func queue() {
    let context = unsafe ThreadContext.current!
    unsafe context.pointee.leftBehind = self
    for number in 1..<Protocols.count {
      while let m = unsafe lists[number].popFirst() {
        // In its flow's or interface's workstream, behind the one that is in flight there.
        unsafe context.withEngine { engine in unsafe _ = engine.queue(context, UInt32(number), 0, m) }
      }
    }
    unsafe context.pointee.leftBehind = nil
    unsafe context.withEngine { $0.takeovers.end() }
  }
}
