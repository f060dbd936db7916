import CNetISR

/// Packets that a thread has taken over, and that stand in no queue and in no guarded call's list while plugins' code runs on it:
/// for who goes on when that code never returns. See `Engine.takeOver`.
///
/// Safe: `list` has `count` entries as long as this is held; those that are set are chains that nobody else has.
@safe
struct PacketsInHand {
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

  /// A thread's, the innermost last: written by the thread, and read by who takes everything from it.
  ///
  /// Safe: `places` has room for `capacity` from init to deinit; the first `depth` of them, as far as there is room, are set.
  @safe
  struct Stack: ~Copyable {
    /// More than handlers can be nested: at each of `Engine.maximumDepth` levels, a batch, its chunk, and its calls.
    private static let capacity = 64

    private let places: UnsafeMutablePointer<PacketsInHand>
    private var depth = 0

    init() { unsafe places = .allocate(capacity: Self.capacity) }

    deinit { unsafe places.deallocate() }

    /// Has these in the thread's hands, until `pop`.
    @inline(__always)
    mutating func push(
      _ list: UnsafeMutablePointer<UnsafeMutablePointer<mbuf>?>, _ count: Int, of number: Int, areCalled: Bool = false
    ) {
      if depth < Self.capacity {
        unsafe (places + depth).initialize(
          to: PacketsInHand(number: number, list: list, count: count, areCalled: areCalled))
      }
      depth &+= 1
    }

    /// Those that came last are in no hand any more.
    @inline(__always)
    mutating func pop() { depth &-= 1 }

    /// All, the innermost first.
    var all: [PacketsInHand] { (0..<min(depth, Self.capacity)).reversed().map { unsafe places[$0] } }
  }
}
