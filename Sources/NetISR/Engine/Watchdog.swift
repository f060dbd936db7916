import CNetISRHost
import Glibc
import Synchronization

// A handler that does not return.
//
// One thread looks at all others from time to time: whether one has been in the same guarded call for so much of its
// own CPU time. Time of the thread, not of the clock: a machine that is busy with other things makes no handler slow.
// Such a call gets two strikes. At the first, the thread is interrupted to say where it is, which is reported while it
// still hangs. At the second, and each time after, it is made to leave the call as after a fault, if it is in the
// plugin's own code just then; in a library or in the host it is left alone, for it could hold a lock there, and tried
// again, up to ten strikes. A thread that sleeps in a call is reported, too, after ten times as long. What is in a
// library even then, or twice as long when it waits, is lost, and its thread with it: others go on in its place
// (`Engine.takeOver`). Where the host's own functions are in between, it stays as it is.
//
// Rejected: a timer for each call (a system call, or two loads and a store, for each packet), and ending the thread (its
// locks would go with it). What a handler does that dispatches packets for ever is not found: it works.

extension Engine {
  /// A call that has not returned for too long.
  public struct Hang: Sendable {
    /// Where it is, as of a fault: signal SIGXCPU.
    public let place: Fault
    /// What it has used of its thread's CPU time, in nanoseconds, as far as somebody looked.
    public let time: UInt64
    /// Whether it waits, rather than runs.
    public let isWaiting: Bool
  }

  /// Has a thread watch all others, which the engine keeps until `stopWatchdog`. Throws an errno value, with its
  /// reason. [control]
  public func startWatchdog() throws(EngineError) {
    let error = netisr_host_watch_install()
    if error != 0 { throw unsafe EngineError(error, "watchdog's signal: \(String(cString: strerror(error)))") }
    control.withLock {
      guard watchdog == nil else { return }
      watchdog = Watchdog(self)
    }
  }

  /// Ends it. [control]
  public func stopWatchdog() {
    let watchdog = control.withLock { () -> Watchdog? in
      defer { self.watchdog = nil }
      return self.watchdog
    }
    watchdog?.stop()
  }
}

/// The thread that watches.
final class Watchdog: @unchecked Sendable {
  /// What is known of a call that went on since the last look.
  private struct Suspicion {
    var frame: UInt
    var progress: UInt64
    /// When it was first seen: by the thread's CPU time, and by the watchdog's clock.
    var cpu: UInt64
    var seen: UInt64
    var strikes: UInt64 = 0
    var isReported = false
  }

  /// Strikes, and bounds that a thread may wait, before more is done than to look.
  private static let patience: UInt64 = 10

  private unowned let engine: Engine
  /// 1 when it is to end: the thread sleeps on it.
  private let isStopping = Atomic<UInt32>(0)
  // By the watching thread alone.
  private var suspicions: [UInt: Suspicion] = [:]
  private var time: UInt64 = 0
  private var lastClock: UInt64 = 0
  private var thread: Thread?
  /// Threads that queue what lost ones left behind. The watching thread adds them, who stops it takes them.
  private var takeovers: [SourceThread] = []
  private let lock = Lock()

  init(_ engine: Engine) {
    self.engine = engine
    thread = Thread(name: "netisr-watchdog") { [unowned self] in run() }
  }

  func stop() {
    // They may be lost, too: while somebody looks.
    waitForTakeovers()
    // Release: pairs with the acquire in `run`.
    isStopping.store(1, ordering: .releasing)
    unsafe withUnsafePointer(to: isStopping) { word in
      unsafe netisr_host_futex_wake(UnsafeRawPointer(word).assumingMemoryBound(to: UInt32.self))
    }
    thread?.join()
    waitForTakeovers()
  }

  private func waitForTakeovers() {
    while let next = lock.withLock({ takeovers.popLast() }) { next.join() }
  }

  private func run() {
    while isStopping.load(ordering: .acquiring) == 0 {
      let bound = engine.watchdogBound
      // Often enough that a call is found before it has taken twice the bound; and so that a new bound is soon seen.
      let rest = bound == 0 ? 500_000_000 : min(max(bound / 2, 5_000_000), 500_000_000)
      let isOver = unsafe withUnsafePointer(to: isStopping) { word in
        unsafe netisr_host_futex_wait(UnsafeRawPointer(word).assumingMemoryBound(to: UInt32.self), 0, rest)
      }
      if isOver != 0 {
        advance(by: 2 * rest)
        if bound > 0 { look(bound, time) }
      }
    }
  }

  /// Its clock goes on by no more than `most` from one look to the next: while a process is stopped, nobody waits.
  private func advance(by most: UInt64) {
    var now = timespec()
    unsafe clock_gettime(CLOCK_MONOTONIC, &now)
    let clock = UInt64(now.tv_sec) * 1_000_000_000 + UInt64(now.tv_nsec)
    time += min(clock - lastClock, most)
    lastClock = clock
  }

  private func look(_ bound: UInt64, _ now: UInt64) {
    var hangs: [Engine.Hang] = []
    var lost: [UnsafeMutablePointer<ThreadContext>] = unsafe []
    unsafe engine.threads.forEachWatched { record in
      switch unsafe look(at: record, bound, now) {
      case .nothing: break
      case .hangs(let hang): hangs.append(hang)
      case .isLost: unsafe lost.append(record)
      }
    }
    // Without the lock: threads may come and go again. Not the lost ones, whose records nobody gives back.
    for hang in hangs { unsafe engine.onHang?(hang) }
    for index in unsafe lost.indices {
      if let takeover = unsafe engine.takeOver(lost[index]) { lock.withLock { takeovers.append(takeover) } }
    }
  }

  private enum Finding {
    case nothing
    case hangs(Engine.Hang)
    /// It was told that it is lost.
    case isLost
  }

  /// One thread, which can't go away meanwhile; what is to be told of it.
  private func look(at record: UnsafeMutablePointer<ThreadContext>, _ bound: UInt64, _ now: UInt64) -> Finding {
    let key = UInt(bitPattern: record)
    let watch = unsafe record.pointee.watch
    let isGone = unsafe record.pointee.isLost.load(ordering: .relaxed)
    var look = netisr_host_look()
    guard unsafe netisr_host_watch_look(watch, &look) != 0, look.frame != 0 else {
      suspicions[key] = nil
      // A lost one has ended.
      if isGone { unsafe netisr_host_watch_close(watch) }
      return .nothing
    }
    guard var suspicion = suspicions[key], suspicion.frame == look.frame, suspicion.progress == look.progress else {
      suspicions[key] = Suspicion(frame: look.frame, progress: look.progress, cpu: look.cpu, seen: now)
      return .nothing
    }
    let used = look.cpu &- suspicion.cpu
    let isWaiting = used < bound
    if isWaiting {
      guard now &- suspicion.seen >= (suspicion.isReported ? 2 : 1) * Self.patience * bound else { return .nothing }
      // What a busy machine gives no time to does not wait.
      guard unsafe netisr_host_watch_sleeps(watch) != 0 else { return .nothing }
    }
    let means =
      isWaiting
      ? (suspicion.isReported ? NETISR_HOST_WATCH_LOSE : NETISR_HOST_WATCH_LOOK)
      : suspicion.strikes == 0
        ? NETISR_HOST_WATCH_LOOK
        : suspicion.strikes < Self.patience ? NETISR_HOST_WATCH_ABANDON : NETISR_HOST_WATCH_LOSE
    let answer = unsafe netisr_host_watch_interrupt(watch, &look, means)
    if answer == NETISR_HOST_WATCH_LOST {
      suspicions[key] = nil
      return .isLost
    }
    guard answer == NETISR_HOST_WATCH_PLUGIN || answer == NETISR_HOST_WATCH_ELSEWHERE else {
      // It went on; or was made to, and tells of it itself.
      if answer != NETISR_HOST_WATCH_NONE { suspicions[key] = nil }
      return .nothing
    }
    defer { suspicions[key] = suspicion }
    if !isWaiting {
      suspicion.strikes += 1
      // The next strike takes as long again.
      suspicion.cpu = look.cpu
    }
    guard !suspicion.isReported else { return .nothing }
    suspicion.isReported = true
    // Of a lost one it has been told. It is looked at further: should it come out, and run on in the plugin's code, it
    // is ended there.
    if isGone { return .nothing }
    return .hangs(Engine.Hang(place: unsafe Fault(watch.pointee.fault), time: used, isWaiting: isWaiting))
  }
}
