import CNetISR
import CNetISRHost
import Glibc

// Worker threads: one for each workstream, that drains its queues, waits a little, and sleeps.
//
// It sleeps no longer than until its next callout. A worker that has nothing to do looks at its queues for a while
// before it sleeps: waking it costs the sender a system call, and the packet some 30 us. How long is learned: a wait
// that was rewarded makes the next one longer, one that was not makes it shorter. So a busy host hardly sleeps, and an
// idle one hardly waits. A worker that polls does not sleep at all.

extension Engine {
  /// The shortest and the longest wait before sleeping, in looks at the queues with a pause of some 25 ns each.
  private static let waits = 16...1024

  /// Starts a thread for each workstream. Does nothing when they run.
  public func startWorkers() {
    control.withLock {
      if workers.threads.isEmpty { start(workers) }
    }
  }

  /// Ends the worker threads, after they have drained their queues. Packets that are queued later stay queued.
  public func stopWorkers() {
    control.withLock { stop(workers) }
  }

  /// Whether worker threads run.
  public var hasWorkers: Bool { control.withLock { !workers.threads.isEmpty } }

  /// [control], locked
  func start(_ set: WorkerSet) {
    set.isStopping.store(false, ordering: .relaxed)
    set.begin((0..<set.count).map { makeWorker(set, $0) })
    if bindsWorkers, let failure = place(set, isBound: true) {
      unsafe onLog?(UInt32(NETISR_LOG_WARNING), nil, failure.description)
    }
  }

  /// A thread that runs a workstream from now on; in the place of a lost one, first with what that left behind.
  func makeWorker(_ set: WorkerSet, _ wsid: Int, inPlaceOfLost left: PacketsLeftBehind? = nil) -> Thread {
    Thread(name: "netisr/\(wsid)") { [unowned self] in
      self.withAttachedThread(cpu: UInt32(wsid)) {
        left?.queue()
        unsafe self.work(set, wsid, ThreadContext.current!)
      }
    }
  }

  /// [control], locked
  func stop(_ set: WorkerSet) {
    set.isStopping.store(true, ordering: .relaxed)
    for wsid in 0..<set.count { unsafe set.streams[wsid].wake() }
    set.joinThreads()
    // A signal that nobody took means work only where something is pending.
    for wsid in 0..<set.count where unsafe set.streams[wsid].takeSignal() {
      unsafe set.streams[wsid].announceSleep()
      if set.pending(wsid) != 0 { unsafe set.streams[wsid].wake() }
    }
  }

  private func work(_ set: WorkerSet, _ wsid: Int, _ context: UnsafeMutablePointer<ThreadContext>) {
    let stream = unsafe set.streams + wsid
    var wait = Self.waits.lowerBound
    while true {
      unsafe stream.pointee.rise()
      unsafe process(set, wsid, context, lingers: true)
      var hasWork = false
      repeat {
        unsafe hasWork = waitAwake(set, wsid, context, looks: wait) || polls && restForCallouts(set, wsid) == 0
      } while !hasWork && polls && !set.isStopping.load(ordering: .relaxed)
      if hasWork {
        wait = min(2 * wait, Self.waits.upperBound)
        continue
      }
      wait = max(wait / 2, Self.waits.lowerBound)
      unsafe stream.pointee.announceSleep()
      if unsafe pending(set, wsid, context) != 0 { continue }
      if set.isStopping.load(ordering: .relaxed) { return }
      let duration = restForCallouts(set, wsid)
      if duration != 0 { unsafe stream.pointee.rest(atMost: duration) }
    }
  }

  /// Looks for work a number of times: whether it came.
  private func waitAwake(
    _ set: WorkerSet, _ wsid: Int, _ context: UnsafeMutablePointer<ThreadContext>, looks: Int
  ) -> Bool {
    for _ in 0..<looks {
      if unsafe pending(set, wsid, context) != 0 { return true }
      netisr_host_pause()
    }
    return false
  }
}
