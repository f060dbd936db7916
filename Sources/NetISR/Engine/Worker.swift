import CNetISR
import CNetISRHost
import Glibc

// The worker's side: draining queues.

extension Engine {
  /// Packets that are handled in one grace-period section; the next ones are fetched meanwhile.
  static let batch: UInt = 32
  /// A round of fewer packets is short: the worker then waits for company, in pauses of some 25 ns, longer and longer
  /// while rounds stay short. A sender that is faster than the worker then finds it busy with many packets, rather than
  /// each packet a worker that is looking at its queue, and takes the line that the sender is about to write: with CPUs
  /// far from each other that look costs the sender some 150 ns. Where a queue's limit is lower, a quarter of that
  /// counts, so that what comes meanwhile finds room.
  private static let company: UInt = 256
  private static let shortestWait: UInt = 16

  /// Runs one workstream until nothing is pending. (swi_net)
  ///
  /// What is pending is looked up anew in each round, so that a purge can leave nothing behind that keeps this loop
  /// going.
  ///
  /// - Parameter lingers: a worker thread waits a moment before it finds that nothing is pending.
  func process(_ set: WorkerSet, _ wsid: Int, _ context: UnsafeMutablePointer<ThreadContext>, lingers: Bool) {
    let stream = unsafe set.streams + wsid
    var turn = unsafe stream.pointee.enter(context)
    var isFirst = true
    var wait = Self.shortestWait
    while true {
      unsafe runCallouts(set, wsid, context, isExact: isFirst)
      isFirst = false
      var round = unsafe pending(set, wsid, context)
      if round == 0 { break }
      var handled: UInt = 0
      var company = Self.company
      while round != 0 {
        let number = round.trailingZeroBitCount
        round &= round &- 1
        // Looked up anew: it may have gone while this thread stepped back.
        if let row = unsafe set.row(number) {
          unsafe company = min(company, UInt(row[wsid].limit) / 4)
          unsafe handled &+= drain(row + wsid, wsid, number, context)
        }
        if unsafe stream.pointee.isWanted {
          unsafe stream.pointee.leave(turn, context)
          unsafe turn = stream.pointee.enter(context)
        }
      }
      guard lingers else { continue }
      if handled < company {
        for _ in 0..<wait { netisr_host_pause() }
        // At most 128: 3 us.
        wait = min(2 &* wait, max(company / 2, Self.shortestWait))
      } else {
        wait = max(wait / 2, Self.shortestWait)
      }
    }
    unsafe stream.pointee.leave(turn, context)
  }

  /// The protocols that have packets queued in a workstream.
  @inline(__always)
  func pending(_ set: WorkerSet, _ wsid: Int, _ context: UnsafeMutablePointer<ThreadContext>) -> UInt32 {
    unsafe context.enterSection()
    defer { unsafe context.leaveSection() }
    return set.pending(wsid)
  }

  /// Handles everything in one queue, and returns how much it was. By the executor.
  ///
  /// The queue is taken over whole, and may fill up again meanwhile: as in the original, the effective bound is
  /// twice the limit. It is handled in batches, each with the handler that is registered by then.
  private func drain(
    _ queue: UnsafeMutablePointer<PacketQueue>, _ wsid: Int, _ number: Int,
    _ context: UnsafeMutablePointer<ThreadContext>
  ) -> UInt {
    let range = unsafe queue.pointee.detach()
    let end = range.upperBound
    var position = range.lowerBound
    unsafe withUnsafeTemporaryAllocation(of: UnsafeMutablePointer<mbuf>?.self, capacity: Int(Self.batch)) { list in
      let list = list.baseAddress!
      while position != end {
        let count = Int(min(Self.batch, end &- position))
        for index in 0..<count {
          let m = unsafe queue.pointee.packet(at: position &+ UInt(index))
          unsafe netisr_host_prefetch(m)
          unsafe list[index] = m
        }
        position &+= UInt(count)
        unsafe context.enterSection()
        let record = unsafe protocols.service(number)
        let handled = unsafe handle(list, count, number, record, context)
        unsafe context.pointee.traffic.add(handled, to: .handled, of: number)
        unsafe queue.pointee.consume(upTo: position, handled: handled)
        if position == end, let record = unsafe record, unsafe record.pointee.drainedcpu != nil {
          unsafe callDrained(record, wsid, number, context)
        }
        unsafe context.leaveSection()
      }
    }
    return end &- range.lowerBound
  }

  /// Handles a batch: how many, for those of a vnet that is disabled by now are dropped, and all if nobody serves.
  @inline(__always)
  private func handle(
    _ list: UnsafeMutablePointer<UnsafeMutablePointer<mbuf>?>, _ count: Int, _ number: Int,
    _ record: UnsafeMutablePointer<ProtocolRecord>?, _ context: UnsafeMutablePointer<ThreadContext>
  ) -> Int {
    var count = count
    guard let record = unsafe record else {
      unsafe dropAll(list, count, number, isQuarantined(number) ? .fault : .purged, context)
      return 0
    }
    if vnets.restricts(number) { unsafe count = admitted(list, count, number, context) }
    // Once for the batch: whoever replaces it waits for this section to end.
    let returned =
      unsafe accounting.isOn
      ? context.timedCalls(record, list, count, areQueued: true) : Int(netisr_host_call_batch(record, list, count))
    if returned != count { unsafe queuedFault(context, number, record, list, returned, count) }
    return returned
  }

  /// Drops those of a vnet in which their protocol is disabled; the others move up, with nil behind them: how many.
  @inline(never)
  private func admitted(
    _ list: UnsafeMutablePointer<UnsafeMutablePointer<mbuf>?>, _ count: Int, _ number: Int,
    _ context: UnsafeMutablePointer<ThreadContext>
  ) -> Int {
    var kept = 0
    for index in 0..<count {
      guard let m = unsafe list[index] else { continue }
      if unsafe vnets.admit(m, to: number) {
        unsafe list[kept] = m
        kept += 1
      } else {
        unsafe _ = drop(context, m, number, .purged, 0)
      }
    }
    for index in kept..<count { unsafe list[index] = nil }
    return kept
  }

  /// Drops the packets of a list.
  func dropAll(
    _ list: UnsafeMutablePointer<UnsafeMutablePointer<mbuf>?>, _ count: Int, _ number: Int, _ reason: DropReason,
    _ context: UnsafeMutablePointer<ThreadContext>
  ) {
    for index in 0..<count { if let m = unsafe list[index] { unsafe _ = drop(context, m, number, reason, 0) } }
  }

  /// Calls `nh_drainedcpu`.
  private func callDrained(
    _ record: UnsafeMutablePointer<ProtocolRecord>, _ wsid: Int, _ number: Int,
    _ context: UnsafeMutablePointer<ThreadContext>
  ) {
    let function = unsafe unsafeBitCast(record.pointee.drainedcpu, to: netisr_host_function.self)
    let result =
      unsafe accounting.isOn
      ? context.timedCallback(record, function, UInt(wsid), of: number)
      : netisr_host_call_function(record, function, UInt(wsid), 0, 0)
    if result.returned == 0 {
      unsafe containCallback(context, number, record)
    }
  }

  /// Runs the worker of the calling thread's own CPU, if there is work: for a thread that receives and handles in turn, and
  /// comes by again and again. The worker counts as awake, so that nobody wakes it: without worker threads, and until
  /// `runWorker`. Returns whether it ran. [any thread] of the engine that is in no handler.
  @discardableResult
  public func pollWorker() -> Bool {
    guard let context = unsafe ThreadContext.current else { return false }
    let set = workers
    let wsid = unsafe Int(context.pointee.cpu)
    guard wsid < set.count else { return false }
    unsafe set.streams[wsid].stayAwake()
    guard unsafe pending(set, wsid, context) != 0 || restForCallouts(set, wsid) == 0 else { return false }
    unsafe process(set, wsid, context, lingers: false)
    return true
  }

  /// Runs the worker of one CPU on the calling thread, if it was woken since it last ran, or polled, or a callout is
  /// due; for an engine that is driven by hand. Returns whether it ran.
  @discardableResult
  public func runWorker(_ wsid: Int) -> Bool {
    let set = workers
    guard wsid >= 0, wsid < set.count,
      unsafe set.streams[wsid].takeSignal() || set.streams[wsid].isAwake || restForCallouts(set, wsid) == 0
    else { return false }
    withAttachedThread(cpu: UInt32(wsid)) {
      let context = unsafe ThreadContext.current!
      repeat {
        unsafe process(set, wsid, context, lingers: false)
        unsafe set.streams[wsid].announceSleep()
      } while unsafe pending(set, wsid, context) != 0
    }
    return true
  }
}
