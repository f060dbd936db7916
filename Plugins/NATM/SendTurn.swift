import Synchronization

/// One PDU at a time: the cells of two, sent by two threads into one circuit, would be put together as one. Short, and
/// nothing that is done meanwhile calls a handler: cells are queued at the other end.
struct SendTurn: ~Copyable {
  private let isTaken = Atomic(false)

  /// Waits for the turn, and takes it.
  func take() {
    // Acquire: pairs with the release in `pass`.
    while isTaken.exchange(true, ordering: .acquiring) {
      while isTaken.load(ordering: .relaxed) {}
    }
  }

  /// Ends it.
  func pass() {
    isTaken.store(false, ordering: .releasing)
  }
}

let sendTurn = SendTurn()
