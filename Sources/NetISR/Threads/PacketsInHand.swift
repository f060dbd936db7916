import CNetISR

/// Packets that a thread has taken over, and that stand in no queue and in no guarded call's list while plugins' code runs on it:
/// on its stack, for who goes on when that code never returns. See `Engine.takeOver`.
///
/// Safe: `list` has `count` entries as long as this is a thread's `inHand`; those that are set are chains that nobody else has.
@safe
struct PacketsInHand {
  /// The next outer ones on the stack.
  let outer: UnsafeMutablePointer<PacketsInHand>?
  /// The protocol that they are for.
  let number: Int
  let list: UnsafeMutablePointer<UnsafeMutablePointer<mbuf>?>
  let count: Int
  /// Whether a guarded call stands at one of them, and those before it are handled; else what is handed on is taken out.
  let areCalled: Bool

  /// Whether a guarded call's list is a part of this one.
  func contains(_ part: UnsafeMutablePointer<UnsafeMutablePointer<mbuf>?>) -> Bool {
    unsafe areCalled && part >= list && part < list + count
  }
}

extension UnsafeMutablePointer where Pointee == ThreadContext {
  /// Runs `body` with these packets in the thread's hands.
  @inline(__always)
  func holding<Result>(
    _ list: UnsafeMutablePointer<UnsafeMutablePointer<mbuf>?>, _ count: Int, of number: Int, areCalled: Bool = false,
    _ body: () -> Result
  ) -> Result {
    var packets = unsafe PacketsInHand(
      outer: pointee.inHand, number: number, list: list, count: count, areCalled: areCalled)
    return unsafe withUnsafeMutablePointer(to: &packets) { packets in
      unsafe pointee.inHand = packets
      defer { unsafe pointee.inHand = packets.pointee.outer }
      return body()
    }
  }
}
