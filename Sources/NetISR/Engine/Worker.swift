import CNetISR
import CNetISRHost
import Glibc

// The worker's side: draining queues.

extension Engine {
  /// Runs one workstream until nothing is pending, unless a sender runs it at the moment. (swi_net)
  ///
  /// The mask is read again in each round, and the bit of a queue is cleared with the queue, also where the queue is
  /// found empty: a purge can't leave a bit behind that keeps this loop going for ever.
  func process(_ wsid: Int, _ context: UnsafeMutablePointer<ThreadContext>) {
    let stream = unsafe workstreams + wsid
    unsafe stream.lock()
    defer { unsafe stream.unlock() }
    // The sender will see what is pending when it is done, and wake the worker again.
    if unsafe stream.pointee.dispatching { return }
    unsafe stream.pointee.running = true
    unsafe stream.pointee.scheduled = false
    while unsafe stream.pointee.pending != 0 {
      var round = unsafe stream.pointee.pending
      while round != 0 {
        let number = round.trailingZeroBitCount
        round &= round &- 1
        unsafe drain(stream, wsid, number, context)
      }
    }
    unsafe stream.pointee.running = false
  }

  /// Handles everything in one queue. Locked on entry and on return, unlocked while handlers run.
  ///
  /// The queue is taken over whole, and may fill up again meanwhile: as in the original, the effective bound is
  /// twice the limit.
  private func drain(
    _ stream: UnsafeMutablePointer<Workstream>, _ wsid: Int, _ number: Int,
    _ context: UnsafeMutablePointer<ThreadContext>
  ) {
    let queue = unsafe stream.pointee.work + number
    unsafe stream.pointee.pending &= ~(1 << UInt32(number))
    let count = unsafe queue.pointee.len
    guard count > 0 else { return }
    var next = unsafe queue.pointee.detach()
    unsafe queue.pointee.inProgress = count
    unsafe stream.unlock()

    unsafe gracePeriod.enter(context)
    var handled = 0
    if let record = unsafe protocols.service(number) {
      // Once for the batch: whoever replaces it waits for this section to end.
      let handler = unsafe record.pointee.handler
      while let m = unsafe next {
        unsafe next = m.pointee.m_nextpkt
        unsafe m.pointee.m_nextpkt = nil
        guard unsafe vnets.isEnabled(number, for: m) else {
          _ = unsafe drop(context, m, number, .purged, 0)
          continue
        }
        unsafe handler(m)
        handled &+= 1
      }
      if let drainedcpu = unsafe record.pointee.drainedcpu { drainedcpu(UInt32(wsid)) }
    } else {
      while let m = unsafe next {
        unsafe next = m.pointee.m_nextpkt
        unsafe m.pointee.m_nextpkt = nil
        _ = unsafe drop(context, m, number, .purged, 0)
      }
    }
    unsafe context.pointee.traffic.pointee.add(handled, to: .handled, of: number)
    unsafe gracePeriod.leave(context)

    unsafe stream.lock()
    unsafe queue.pointee.inProgress = 0
    unsafe queue.pointee.handled &+= UInt64(handled)
  }

  // MARK: Threads

  /// Starts a thread for each workstream. Does nothing when they run.
  public func startWorkers() {
    control.withLock {
      guard workerThreads.isEmpty else { return }
      for wsid in 0..<workerCount {
        workerThreads.append(
          Thread(name: "netisr/\(wsid)") { [unowned self] in
            if self.configuration.pinned, case let error = netisr_host_pin_thread(UInt32(wsid)), error != 0 {
              unsafe self.onLog?(
                UInt32(NETISR_LOG_WARNING), nil, "worker \(wsid): not bound to CPU \(wsid): errno \(error)")
            }
            self.withAttachedThread(cpu: UInt32(wsid)) {
              let context = unsafe ThreadContext.current!
              while self.wakeups[wsid].wait() { unsafe self.process(wsid, context) }
            }
          })
      }
    }
  }

  /// Ends the worker threads, after they have drained their queues. Packets that are queued later stay queued.
  public func stopWorkers() {
    let ending = control.withLock {
      defer { workerThreads.removeAll() }
      return workerThreads
    }
    guard !ending.isEmpty else { return }
    for wakeup in wakeups { wakeup.stop() }
    for thread in ending { thread.join() }
    for wakeup in wakeups { wakeup.restart() }
  }

  /// Runs the worker of one CPU on the calling thread, if it was woken since it last ran; for an engine that is driven by
  /// hand. Returns whether it ran.
  @discardableResult
  public func runWorker(_ wsid: Int) -> Bool {
    guard wsid >= 0, wsid < workerCount, wakeups[wsid].take() else { return false }
    withAttachedThread(cpu: UInt32(wsid)) {
      unsafe process(wsid, ThreadContext.current!)
    }
    return true
  }

  /// Whether worker threads run.
  public var hasWorkers: Bool { control.withLock { !workerThreads.isEmpty } }
}
