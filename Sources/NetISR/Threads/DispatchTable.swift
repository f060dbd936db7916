import Synchronization

/// What every dispatch reads and a change alone writes, on cache lines of its own: the epoch of grace periods, and for
/// each protocol number a shortcut.
///
/// A shortcut is the record of a protocol together with the way that its packets take, whatever they are: see
/// `Engine.refreshShortcut`. It stands for several conditions, each of which would otherwise be looked at for each packet.
@safe
struct DispatchTable {
  /// How a protocol's packets are dispatched.
  enum Way: UInt {
    /// It takes a closer look.
    case undecided = 0
    case direct = 1
    case hybrid = 2
    case deferred = 3
  }

  @safe
  struct Shortcut {
    // A record's address, which is aligned, and a way.
    fileprivate let word: UInt

    @inline(__always)
    var isDirect: Bool { word & 3 == Way.direct.rawValue }
    @inline(__always)
    var isHybrid: Bool { word & 3 == Way.hybrid.rawValue }
    @inline(__always)
    var isDecided: Bool { word & 3 != 0 }

    /// Where a way is decided, there is a record. As long as the grace-period section in which it was found.
    @inline(__always)
    var record: UnsafeMutablePointer<ProtocolRecord> {
      unsafe UnsafeMutablePointer(bitPattern: word & ~3).unsafelyUnwrapped
    }
  }

  // The shortcuts by number, of which 0 is no protocol's and never decided, and the epoch. From init to free.
  private let words: UnsafeMutablePointer<Atomic<UInt>>

  init() {
    unsafe words = allocate_aligned(Atomic<UInt>.self, count: Protocols.count + 1)
    for number in 0..<Protocols.count { unsafe (words + number).initialize(to: Atomic(0)) }
    // Epochs only ever grow, and 0 is none.
    unsafe (words + Protocols.count).initialize(to: Atomic(1))
  }

  /// With the engine.
  func free() { unsafe free_aligned(words) }

  /// The epoch now.
  @inline(__always)
  var epoch: UInt { unsafe words[Protocols.count].load(ordering: .relaxed) }

  /// The next epoch, which it is from now on.
  func advanceEpoch() -> UInt {
    unsafe words[Protocols.count].wrappingAdd(1, ordering: .sequentiallyConsistent).newValue
  }

  /// The shortcut of a number, 0 to `Protocols.count` - 1. Inside of a grace-period section.
  @inline(__always)
  func shortcut(_ number: Int) -> Shortcut {
    // Acquire: pairs with the release in `setShortcut`; the record's content was written before.
    unsafe Shortcut(word: words[number].load(ordering: .acquiring))
  }

  /// Publishes the way of a protocol's packets, and the record by which they go it.
  func setShortcut(_ number: Int, _ way: Way, _ record: UnsafeMutablePointer<ProtocolRecord>) {
    unsafe words[number].store(UInt(bitPattern: record) | way.rawValue, ordering: .releasing)
  }

  /// Has each packet of a protocol looked at.
  func clearShortcut(_ number: Int) {
    unsafe words[number].store(0, ordering: .releasing)
  }
}
