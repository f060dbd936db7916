import CNetISR
import CNetISRHost
import Synchronization

/// Whether the engine times its handlers, and since when for each protocol. (net.isr.accounting)
///
/// Off, a packet that takes its protocol's shortcut pays nothing, and a batch that a worker drains a load and a branch.
/// On, there are no shortcuts, the clock is read once per handler call, and once per packet or batch that is queued.
///
/// What is counted belongs to a session: a protocol's begins when accounting is switched on, and anew when another
/// protocol is registered under its number. A thread that counts for the first time in a session begins at 0; so nobody
/// writes another thread's figures, and what was counted before is never mixed in.
@safe
struct Accounting: ~Copyable {
  /// Relaxed, for what a thread counts a moment too late belongs to a session that nobody reads.
  private let switched = Atomic<Bool>(false)
  private let sessions: UnsafeMutablePointer<Atomic<UInt16>>
  private let latest = Atomic<UInt16>(0)
  private let clockCost = Atomic<UInt64>(0)

  init() {
    unsafe sessions = .allocate(capacity: Protocols.count)
    for number in 0..<Protocols.count { unsafe (sessions + number).initialize(to: Atomic(0)) }
  }

  deinit {
    unsafe sessions.deallocate()
  }

  /// Whether to count.
  @inline(__always)
  var isOn: Bool { switched.load(ordering: .relaxed) }

  /// The session of a protocol, never 0 while it counts.
  func session(of number: Int) -> UInt16 { unsafe sessions[number].load(ordering: .relaxed) }

  /// What reading the clock takes, in nanoseconds: it is part of every interval that is measured.
  var cost: UInt64 { clockCost.load(ordering: .relaxed) }

  /// Switches on or off. [control], locked
  func turn(on: Bool) {
    guard on != isOn else { return }
    if on {
      clockCost.store(Self.measureClock(), ordering: .relaxed)
      for number in 0..<Protocols.count { begin(number) }
    }
    switched.store(on, ordering: .releasing)
  }

  /// Begins the count of a protocol. [control], locked
  func begin(_ number: Int) {
    // The least number that no packet in a queue can have been stamped with: sessions are changed by people.
    var next = latest.load(ordering: .relaxed) &+ 1
    if next == 0 { next = 1 }
    latest.store(next, ordering: .relaxed)
    unsafe sessions[number].store(next, ordering: .relaxed)
  }

  /// Says that packets are queued now. Before they are: another thread may have them at once. [any thread]
  @inline(never)
  func stamp(_ list: UnsafePointer<UnsafeMutablePointer<mbuf>?>, _ count: Int, _ number: Int) {
    let session = session(of: number)
    let now = netisr_host_clock()
    // Entries of a list that is about to be queued are packets.
    for index in 0..<count { unsafe list[index]!.stamp(session: session, now: now) }
  }

  /// The same for one packet.
  @inline(never)
  func stamp(_ m: UnsafeMutablePointer<mbuf>, _ number: Int) {
    unsafe m.stamp(session: session(of: number), now: netisr_host_clock())
  }

  /// The shortest of many intervals in which nothing happens.
  private static func measureClock() -> UInt64 {
    var shortest = UInt64.max
    for _ in 0..<1000 {
      let begin = netisr_host_clock()
      shortest = min(shortest, netisr_host_clock() &- begin)
    }
    return shortest
  }
}

extension Engine {
  /// Whether handlers are timed. Switching on begins all figures at 0. [control]
  public var isAccounting: Bool {
    get { accounting.isOn }
    set {
      control.withLock {
        accounting.turn(on: newValue)
        refreshShortcuts()
      }
    }
  }
}
