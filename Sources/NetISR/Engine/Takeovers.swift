import Synchronization

/// How many threads were lost, and what of them is in nobody's queue yet: packets that `Engine.isDrained` has to know of.
final class Takeovers: Sendable {
  private let begun = Atomic<Int>(0)
  private let ended = Atomic<Int>(0)

  /// Before anything is taken from a lost thread, and once more for what it left behind.
  func begin() { begun.add(1, ordering: .sequentiallyConsistent) }

  /// When its loss has been told; and when what it left behind is in queues.
  func end() { ended.add(1, ordering: .sequentiallyConsistent) }

  /// Whether `look` holds, with nothing on its way from a lost thread meanwhile.
  func isQuiet(_ look: () -> Bool) -> Bool {
    // In this order: that as many have begun afterwards as had ended before means that all had, and that none has begun
    // since.
    let ended = ended.load(ordering: .sequentiallyConsistent)
    return look() && begun.load(ordering: .sequentiallyConsistent) == ended
  }
}
