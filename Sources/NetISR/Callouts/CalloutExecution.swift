import CNetISR
import CNetISRHost
import Glibc

// Calling callouts: by the executor of their workstream, between its queues of packets, each in a grace-period section of its
// own, which begins before the callout is taken: so when callouts of a range of code have been closed and a grace period has
// passed, none of them runs.

extension Engine {
  /// Calls what is due in a workstream. By its executor.
  ///
  /// - Parameter isExact: otherwise callouts may be some milliseconds late: for who comes by often.
  @inline(__always)
  func runCallouts(
    _ set: WorkerSet, _ wsid: Int, _ context: UnsafeMutablePointer<ThreadContext>, isExact: Bool
  ) {
    var number = wsid
    while number < callouts.count {
      let queue = unsafe callouts.queues + number
      if unsafe queue.pointee.mayBeDue { unsafe run(queue, context, isExact: isExact) }
      number &+= set.count
    }
  }

  @inline(never)
  private func run(
    _ queue: UnsafeMutablePointer<CalloutQueue>, _ context: UnsafeMutablePointer<ThreadContext>, isExact: Bool
  ) {
    let clocks = callouts.clocks
    let now = isExact ? clocks.passed(0) : clocks.passedCoarsely()
    guard unsafe queue.pointee.earliest <= now else { return }
    let round = unsafe queue.pointee.beginRound()
    for clock in 0..<round.clocks {
      let passed = clock == 0 ? now : clocks.passed(clock)
      while true {
        unsafe gracePeriod.enter(context)
        defer { unsafe gracePeriod.leave(context) }
        guard let due = unsafe queue.pointee.takeDue(clock: clock, passed: passed, last: round.last) else { break }
        unsafe context.pointee.traffic.addCallback()
        let result = unsafe call(due, context)
        unsafe queue.pointee.finish()
        if result.returned == 0 { unsafe contain(context, due) }
      }
    }
  }

  private func call(_ due: CalloutQueue.Due, _ context: UnsafeMutablePointer<ThreadContext>) -> netisr_host_result {
    let function = unsafe unsafeBitCast(due.function, to: netisr_host_function.self)
    var subject = netisr_host_subject(function: function, mark: due.mark, is_bare: 1)
    if accounting.isOn, let number = callouts.protocolNumber(ofCode: due.address) {
      return unsafe context.timedCallback(&subject, function, UInt(bitPattern: due.argument), of: number)
    }
    return unsafe netisr_host_call_function(&subject, function, UInt(bitPattern: due.argument), 0, 0)
  }

  /// A callout faulted: the protocol that its code serves is quarantined, as if its handler had.
  @inline(never)
  private func contain(_ context: UnsafeMutablePointer<ThreadContext>, _ due: CalloutQueue.Due) {
    if let number = callouts.protocolNumber(ofCode: due.address),
      let record = unsafe protocols.entrance(number) ?? protocols.service(number)
    {
      return unsafe containCallback(context, number, record)
    }
    unsafe context.abandonTable()
    let fault = Fault.take()
    unsafe onLog?(UInt32(NETISR_LOG_ERROR), nil, "a callout faulted: \(fault.summary)")
  }

  /// How long a workstream's worker may sleep for its callouts, in nanoseconds; 0 when one is due, nil for ever.
  func restForCallouts(_ set: WorkerSet, _ wsid: Int) -> UInt64? {
    var earliest = CalloutQueue.none
    for number in stride(from: wsid, to: callouts.count, by: set.count) {
      unsafe earliest = min(earliest, callouts.queues[number].earliest)
    }
    if earliest == CalloutQueue.none { return nil }
    let now = callouts.clocks.passed(0)
    if earliest <= now { return 0 }
    // A clock that is told its time does not pass by itself: who moves it wakes the worker.
    return callouts.clocks.isManual ? nil : earliest - now
  }

  /// Wakes the worker that runs a queue of callouts. [any thread]
  func wakeWorker(ofCallouts queue: Int) {
    let set = workers
    unsafe set.streams[queue % set.count].signal()
  }

  /// Says what a clock shows: nanoseconds since the epoch. For who feeds packets with times of their own (`if_clock`), before
  /// it hands them on; and, by clock 0, for who drives an engine with `hasManualTime`. One thread at a time for each clock.
  ///
  /// Callouts whose time has come are called by their workers soon after.
  public func advanceClock(_ clock: UInt32, to time: UInt64) {
    precondition(
      Int(clock) < Clocks.count && (clock != 0 || callouts.clocks.isManual), "clock \(clock) is not told its time")
    guard let passed = callouts.clocks.advance(Int(clock), to: time) else { return }
    for number in 0..<callouts.count {
      let queue = unsafe callouts.queues + number
      let isDue =
        clock == 0
        ? unsafe queue.pointee.earliest <= passed : unsafe queue.pointee.noteAdvance(Int(clock), passed: passed)
      if isDue { wakeWorker(ofCallouts: number) }
    }
  }

  /// Calls the callouts that are due in all workstreams, and in those that these arm for at once; for an engine that is
  /// driven by hand. What they queue stays queued.
  public func runCallouts() {
    let set = workers
    for wsid in 0..<set.count {
      withAttachedThread(cpu: UInt32(wsid)) {
        let context = unsafe ThreadContext.current!
        let turn = unsafe set.streams[wsid].enter(context)
        unsafe runCallouts(set, wsid, context, isExact: true)
        unsafe set.streams[wsid].leave(turn, context)
        // Woken for callouts, which are done.
        if unsafe set.streams[wsid].takeSignal() {
          unsafe set.streams[wsid].announceSleep()
          if unsafe pending(set, wsid, context) != 0 { unsafe set.streams[wsid].wake() }
        }
      }
    }
  }

  /// Interfaces, or addresses of one, have changed: who watches them is called. [any thread] that is in no handler.
  public func noteInterfaceChange() {
    for queue in callouts.callWatchers() { wakeWorker(ofCallouts: queue) }
  }

  /// Stops the callouts whose functions are in a range of addresses: when this returns, none is running, and none can be
  /// armed until `openCallouts`. For code that is about to go. [control]
  public func closeCallouts(of code: Range<UInt>) {
    callouts.close(code)
    gracePeriod.wait()
  }

  /// Stops the callouts of code that faulted, but for those that run at this moment, and lets it arm no more. [any thread]
  public func endCallouts(of code: Range<UInt>) { callouts.close(code) }

  /// Says which protocol the code in a range of addresses serves, for the report of a callout that faults. [control]
  public func nameCallouts(of code: Range<UInt>, proto: UInt32) { callouts.name(code, Int(proto)) }

  /// Forgets that a range of addresses was closed: it is unmapped. [control]
  public func openCallouts(of code: Range<UInt>) { callouts.open(code) }
}
