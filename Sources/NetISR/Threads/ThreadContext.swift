import CNetISRHost
import Synchronization

/// What the engine keeps for each thread that calls it: the thread's place in the grace-period protocol, its cache of
/// mbufs, its copy of every counter, and the statistics of the packets it dispatches.
///
/// Written by its own thread only; atomics in it are read by others. It is reached through one thread-local pointer,
/// and lives until the engine ends, so that what a finished thread counted stays counted; a new thread takes over the
/// record of a finished one.
@safe
struct ThreadContext: ~Copyable {
  /// 0 outside of plugin code, otherwise the global epoch at which the thread entered. See `GracePeriod`.
  let epoch = Atomic<UInt>(0)

  /// 1 while the thread claims positions of a queue that is its own. Pairs with `PacketQueue.disown`.
  let claiming = Atomic<UInt32>(0)

  /// 1 while the thread, as the preferred sender, is the executor of its CPU's workstream. Pairs with
  /// `Workstream.endPreference`.
  let dispatching = Atomic<UInt32>(0)

  /// How many calls of plugin code are on this thread's stack.
  var depth = 0

  /// The CPU (from 0) on which this thread counts as running, for hybrid dispatch and direct dispatch's statistics.
  let cpu: UInt32

  /// While the thread runs a plugin's registration function: on whose behalf counters and tables are made.
  var registering: PluginIdentity? = nil

  /// The table lock that the thread holds, for a fault's recovery: see `TableHold`.
  var tableHold = TableHold()

  /// What every dispatch of the engine reads.
  let table: DispatchTable

  /// What its handlers took, while accounting is on.
  let accounts = ThreadAccounts()

  /// Nanoseconds that handlers took whose caller, a handler too, is still running; while accounting is on. Apart from
  /// `accounts`, which other threads read.
  var nestedTime: UInt64 = 0

  /// The engine that the thread belongs to. It outlives the record.
  unowned(unsafe) let engine: Engine

  /// This thread's free mbufs.
  var mbufs: MbufCache

  /// This thread's copies of the counters, indexed by `counter_t`: `CounterRegistry.capacity` words.
  let counters: UnsafeMutablePointer<Atomic<UInt64>>

  /// What this thread received, handled and dropped.
  let traffic: TrafficCounters

  /// Whether its thread never comes back: what it was in the middle of is nobody's any more. Pairs with `GracePeriod.wait`.
  let isLost = Atomic(false)

  /// Packets of batches that are in no guarded call's list and in no queue yet.
  let inHand = PacketsInHand.Stack()

  /// What it is queueing in a lost thread's place.
  var leftBehind: PacketsLeftBehind? = nil

  /// Who goes on when the thread is lost.
  var successor: ThreadSuccessor? = nil

  /// For the watchdog; used under the lock of the registry of threads, and by the thread's own signal handler.
  let watch: UnsafeMutablePointer<netisr_host_watch>

  /// The calling thread's record. A thread that was never attached is attached to `Engine.default`; nil when there is
  /// none.
  @inline(__always)
  static var current: UnsafeMutablePointer<ThreadContext>? {
    if let own = unsafe netisr_host_get_self() {
      return unsafe own.assumingMemoryBound(to: ThreadContext.self)
    }
    return unsafe attached()
  }

  /// Ends the calling thread if it is lost: its record was taken from it, and it is to get no other.
  static func endIfLost() {
    if netisr_host_is_lost() != 0 { netisr_host_end_lost() }
  }

  /// Out of line: it would cost every caller of `current` the saving of all registers.
  @inline(never)
  private static func attached() -> UnsafeMutablePointer<ThreadContext>? {
    endIfLost()
    return unsafe Engine.default?.attachCurrentThread()
  }
}

extension UnsafeMutablePointer where Pointee == ThreadContext {
  /// Runs `body` with the thread's engine, without counting a reference: the engine outlives the record, and the count
  /// would be a cache line that all threads write for each packet.
  @inline(__always)
  func withEngine<Result>(_ body: (Engine) -> Result) -> Result {
    let engine = unsafe Unmanaged.passUnretained(pointee.engine)
    return unsafe engine._withUnsafeGuaranteedRef(body)
  }
}

/// The calling thread's record, without attaching it.
@inline(__always)
func netisr_host_context() -> UnsafeMutablePointer<ThreadContext>? {
  unsafe netisr_host_get_self()?.assumingMemoryBound(to: ThreadContext.self)
}

/// Who owns counters and tables: a plugin's name, and the version of its state.
public struct PluginIdentity: Sendable, Hashable {
  /// The name in the plugin's ABI note.
  public var name: String
  /// The state version in the plugin's ABI note.
  public var stateVersion: UInt32

  /// Who owns the tables that all plugins share; no plugin may have that name.
  public static let shared = PluginIdentity(name: "shared", stateVersion: 0)

  /// Makes an identity.
  public init(name: String, stateVersion: UInt32) {
    self.name = name
    self.stateVersion = stateVersion
  }
}
