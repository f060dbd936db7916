import Synchronization

/// Why a packet was dropped by the engine. A handler's own drops are its plugin's counters.
public enum DropReason: Int, CaseIterable, Sendable {
  /// The queue of its protocol and workstream was full.
  case qlimit
  /// Nobody serves its protocol, or the number is not one.
  case noproto
  /// Its protocol is disabled in its vnet.
  case vnet
  /// `nh_m2flow` or `nh_m2cpuid` kept it.
  case policy
  /// It was queued when its protocol was unregistered, or disabled in its vnet.
  case purged
  /// An interface had a frame and no mbuf for it.
  case nombuf
  /// A plugin's code faulted with it, or had faulted before.
  case fault
}

/// What one thread received, handled and dropped since the engine began, by protocol.
///
/// Single writer; readers see each word whole, at some recent moment. Never reset: the balance
/// received = handled + dropped + queued is drawn over the engine's whole life.
@safe
struct TrafficCounters: ~Copyable {
  /// The figures, and one word more.
  private static let wordCount = callbackWord + 1
  private static let callbackWord = (4 + DropReason.allCases.count) * Protocols.count

  // On lines of their own: other threads' figures are other lines.
  private let words: UnsafeMutablePointer<Atomic<UInt64>>

  init() {
    unsafe words = allocate_aligned(Atomic<UInt64>.self, count: Self.wordCount)
    for word in 0..<Self.wordCount { unsafe (words + word).initialize(to: Atomic(0)) }
  }

  deinit {
    unsafe free_aligned(words)
  }

  /// A figure per protocol.
  enum Figure {
    /// Packets that came in, but for those that are counted as `dispatched` or `hybrid`.
    case received
    /// Packets from a queue for which a handler was called.
    case handled
    /// Packets that came in, and for which a handler was called by direct dispatch: one figure, for these need no other.
    case dispatched
    /// The same for hybrid dispatch.
    case hybrid
    /// Packets dropped for a reason.
    case dropped(DropReason)

    @inline(__always)
    fileprivate var row: Int {
      switch self {
      case .received: 0
      case .handled: 1
      case .dispatched: 2
      case .hybrid: 3
      case .dropped(let reason): 4 + reason.rawValue
      }
    }
  }

  /// Adds `n`; by the owning thread only.
  @inline(__always)
  func add(_ n: Int, to figure: Figure, of proto: Int) {
    let word = unsafe words + (figure.row &* Protocols.count &+ proto)
    unsafe word.pointee.store(
      word.pointee.load(ordering: .relaxed) &+ UInt64(truncatingIfNeeded: n), ordering: .relaxed)
  }

  /// One word in which callbacks are counted, for who watches the thread; by the owning thread only.
  @inline(__always)
  func addCallback() {
    let word = unsafe words + Self.callbackWord
    unsafe word.pointee.store(word.pointee.load(ordering: .relaxed) &+ 1, ordering: .relaxed)
  }

  /// All words: whoever works changes one of them. They stay where they are.
  func withWords<T>(_ body: (UnsafeRawPointer, Int) -> T) -> T { unsafe body(UnsafeRawPointer(words), Self.wordCount) }

  /// The figure now; from any thread.
  func load(_ figure: Figure, of proto: Int) -> UInt64 {
    unsafe (words + (figure.row &* Protocols.count &+ proto)).pointee.load(ordering: .relaxed)
  }
}
