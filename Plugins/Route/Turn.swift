import Synchronization

/// One change at a time: what the kernel says and what the operator says may come on two threads, and what is selected
/// depends on several tables. Changes are rare, and short; lookups take no turn.
struct Turn: ~Copyable {
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

let turn = Turn()
