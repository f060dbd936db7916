/// Callouts of one clock by their deadlines: a heap with four children to a node.
///
/// Why a heap and not a wheel: a worker that has nothing to do sleeps until the earliest deadline, which a heap knows and a
/// wheel must search for; deadlines are exact, over years as over microseconds; and there are few callouts, since
/// tables age by one for many entries. It is bounded: 65,536 callouts are eight levels of four, which lie close in memory.
/// Equal deadlines are in the order in which they were armed.
struct CalloutHeap {
  struct Entry {
    /// On the scale of `Clocks.passed`.
    var deadline: UInt64
    /// The queue's count of arms.
    var sequence: UInt64
    /// The number of the record, which is told where its entry lies.
    var record: UInt32

    @inline(__always)
    func isBefore(_ other: Entry) -> Bool {
      deadline != other.deadline ? deadline < other.deadline : sequence < other.sequence
    }
  }

  private var entries: [Entry] = []

  var first: Entry? { entries.first }

  /// Adds an entry; `moved` is told of every record that lies elsewhere now.
  mutating func insert(_ entry: Entry, moved: (UInt32, Int) -> Void) {
    entries.append(entry)
    rise(from: entries.count &- 1, moved)
  }

  /// Removes the entry at a position that `moved` told.
  mutating func remove(at position: Int, moved: (UInt32, Int) -> Void) {
    let last = entries.removeLast()
    guard position < entries.count else { return }
    let removed = entries[position]
    entries[position] = last
    if last.isBefore(removed) { rise(from: position, moved) } else { sink(from: position, moved) }
  }

  private mutating func rise(from position: Int, _ moved: (UInt32, Int) -> Void) {
    let entry = entries[position]
    var position = position
    while position > 0 {
      let parent = (position &- 1) / 4
      guard entry.isBefore(entries[parent]) else { break }
      entries[position] = entries[parent]
      moved(entries[position].record, position)
      position = parent
    }
    entries[position] = entry
    moved(entry.record, position)
  }

  private mutating func sink(from position: Int, _ moved: (UInt32, Int) -> Void) {
    let entry = entries[position]
    var position = position
    while true {
      var least = position
      var candidate = entry
      for child in (4 &* position &+ 1)..<(4 &* position &+ 5) {
        guard child < entries.count else { break }
        if entries[child].isBefore(candidate) {
          least = child
          candidate = entries[child]
        }
      }
      if least == position { break }
      entries[position] = candidate
      moved(candidate.record, position)
      position = least
    }
    entries[position] = entry
    moved(entry.record, position)
  }
}
