import CNetISR

/// Packets that a thread has taken over, and that stand in no queue and in no guarded call's list while plugins' code
/// runs on it: for who goes on when that code never returns. See `Engine.takeOver`.
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
  /// It lies beside the thread's record: a change in place is an access to the whole record for Swift, and so for the thread
  /// sanitizer, while others read atomics of that.
  ///
  /// Safe: `depth` is set and `places` has room for `capacity` from init to deinit; the first `depth` of them, as far
  /// as there is room, are set.
  @safe
  struct Stack: ~Copyable {
    /// More than handlers can be nested: at each of `Engine.maximumDepth` levels, a batch, its chunk, and its calls.
    private static let capacity = 64

    private let places: UnsafeMutablePointer<PacketsInHand>
    private let depth: UnsafeMutablePointer<Int>

    init() {
      unsafe places = .allocate(capacity: Self.capacity)
      unsafe depth = .allocate(capacity: 1)
      unsafe depth.initialize(to: 0)
    }

    deinit {
      unsafe places.deallocate()
      unsafe depth.deallocate()
    }

    /// Has these in the thread's hands, until `pop`.
    @inline(__always)
    func push(
      _ list: UnsafeMutablePointer<UnsafeMutablePointer<mbuf>?>, _ count: Int, of number: Int, areCalled: Bool = false
    ) {
      let depth = unsafe depth.pointee
      if depth < Self.capacity {
        unsafe (places + depth).initialize(
          to: PacketsInHand(number: number, list: list, count: count, areCalled: areCalled))
      }
      unsafe self.depth.pointee = depth &+ 1
    }

    /// Those that came last are in no hand any more.
    @inline(__always)
    func pop() { unsafe depth.pointee &-= 1 }

    /// All, the innermost first.
    var all: [PacketsInHand] { unsafe (0..<min(depth.pointee, Self.capacity)).reversed().map { unsafe places[$0] } }
  }
}
