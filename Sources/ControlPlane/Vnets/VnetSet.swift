import NetISR

/// Which vnets there are for people: those that an operator has made, those that have, or had, an interface, and vnet 0
/// always. To the engine all numbers are there from the start.
final class VnetSet: @unchecked Sendable {
  private let lock = Lock()
  // Under the lock.
  private var made: Set<UInt32> = [0]

  /// Those that were made.
  var all: Set<UInt32> { lock.withLock { made } }

  /// Notes that one was made; false when it was before.
  func insert(_ vnet: UInt32) -> Bool { lock.withLock { made.insert(vnet).inserted } }

  /// Notes that one is gone.
  func remove(_ vnet: UInt32) { lock.withLock { _ = made.remove(vnet) } }
}
