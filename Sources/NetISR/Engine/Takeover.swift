import CNetISR
import CNetISRHost
import Glibc
import Synchronization

// A thread that never comes back, and what becomes of what it had in its hands.
//
// A call of a plugin's code that is in a library for ever (a deadlock, a read that nobody answers) can't be ended: the
// library's locks would stay taken. So it is left there, with its thread, and everything else is taken from it.
//
// The invariant: from the moment at which the thread is told so, in a signal's handler of its own, it neither reads nor
// writes anything of the engine by way of its record. Two things see to that. The words on its stack by which the call
// would return (to the guarded call's next packet, or, after a fault, to the engine) lead to the thread's end instead.
// And the thread has no record any more: should the plugin's code go on and call the host, the thread ends there. It is
// not told while a function of the host is between the plugin's code and the guarded call: that would go on with the
// host's state when the plugin's code returns to it. So everything of the engine that the thread was in the middle of
// has exactly one owner again: who took it over, which sees all that the thread did before, by the answer's release and
// acquire.
//
// What it had in its hands:
// - A section. Grace periods pass over the record from now on: nothing is freed under the thread that it could still
//   touch, but for its plugin's image, which stays mapped for ever.
// - A workstream, as its executor. The packet in flight is dropped for the fault, and what was taken from the queue behind it
//   goes back, in front of what came later: order holds. Then somebody else may be the executor; a worker's place is
//   taken by a new thread.
// - Packets of a batch that it dispatched. Those of the protocol that hangs are dropped, as in any fault;
//   those of another, whose handler had dispatched directly into the one that hangs, are queued by who goes on
//   (`PacketsLeftBehind`). Those that stand in no guarded call's list are found in `PacketsInHand`.
// - Free mbufs, which go back to the pool.
// - Calls on its stack outside of the innermost. Their packets were with their handlers, and are dropped for the fault.
// - What it received from: who started it may have named a successor (`ThreadSuccessor`).
// - A record, with what it counted. Nobody gets it: one of `ThreadRegistry.capacity` is gone.
//
// Rejected: asking, after each handler, whether the thread is lost (two instructions for each packet), and stopping the
// thread where it is (a library's lock would never be given back).

extension Engine {
  /// Takes everything from a thread that was just told that it is lost. By the watchdog.
  ///
  /// - Returns: a thread that queues what it left behind, where nobody else goes on in its place.
  func takeOver(_ lost: UnsafeMutablePointer<ThreadContext>) -> SourceThread? {
    let watch = unsafe lost.pointee.watch
    var fault = unsafe Fault(watch.pointee.fault)
    let thread = unsafe watch.pointee.thread
    let calls = unsafe Self.calls(from: watch.pointee.wanted_frame)
    let place = unsafe executed(by: lost)
    // As on its CPU: what is counted belongs there.
    return unsafe withAttachedThread(cpu: lost.pointee.cpu) {
      let context = unsafe ThreadContext.current!
      let number = unsafe quarantine(calls[0], fault)
      // Until it has been told, too: who waits for the end of all work looks for faults then.
      takeovers.begin()
      defer { takeovers.end() }
      let left = unsafe leftBehind(lost)
      unsafe take(calls, of: lost, place, left, context)
      unsafe takeRest(of: lost, hanging: Self.number(of: calls[0]), left, context)
      unsafe lost.pointee.mbufs.flush()
      if let (set, wsid) = place {
        finishCallout(set, wsid)
        if let turn = unsafe set.streams[wsid].turn(of: lost) { unsafe set.streams[wsid].leave(turn, lost) }
      }
      // Release: pairs with the acquire in `GracePeriod.wait`.
      unsafe lost.pointee.isLost.store(true, ordering: .releasing)
      let successor = unsafe lost.pointee.successor.take()
      let (outcome, areTaken) = replace(thread, place, successor, left)
      fault.outcome = outcome
      // After that: who joins it looks for what came in its place.
      LostThreads.insert(thread)
      netisr_host_taken_over()
      // A registration's end is told by who waits for it.
      if let number {
        if let onFault = unsafe onFault { onFault(number, fault) }
        events.note("protocol \(number): quarantined: \(fault.summary)")
      }
      guard !areTaken else { return nil }
      if left.isEmpty {
        takeovers.end()
        return nil
      }
      return unsafe SourceThread(name: "takeover", on: self, cpu: context.pointee.cpu, queueing: left)
    }
  }

  /// A thread's guarded calls, the innermost first.
  private static func calls(from innermost: UInt) -> [UnsafePointer<netisr_host_frame>] {
    var calls: [UnsafePointer<netisr_host_frame>] = unsafe []
    // On the stack of a thread that does not end before `netisr_host_taken_over`.
    var next = unsafe UnsafePointer<netisr_host_frame>(bitPattern: innermost)
    while let call = unsafe next {
      unsafe calls.append(call)
      unsafe next = UnsafePointer(call.pointee.outer)
    }
    return unsafe calls
  }

  /// The workstream that a thread is the executor of.
  private func executed(by lost: UnsafeMutablePointer<ThreadContext>) -> (set: WorkerSet, wsid: Int)? {
    for set in allSets() {
      if let wsid = (0..<set.count).first(where: { unsafe set.streams[$0].turn(of: lost) != nil }) {
        return (set, wsid)
      }
    }
    return nil
  }

  /// Takes the protocol whose code hangs out of service: its number; nil for code that serves none yet.
  private func quarantine(_ call: UnsafePointer<netisr_host_frame>, _ fault: Fault) -> Int? {
    // Inside of the lost thread's section, as long as that counts, no record is freed.
    if let record = unsafe Self.record(of: call) {
      unsafe quarantine(record.pointee.number, record)
      return unsafe record.pointee.number
    }
    guard let number = callouts.protocolNumber(ofCode: fault.pluginAddress) else { return nil }
    if let record = unsafe protocols.entrance(number) ?? protocols.service(number) {
      unsafe quarantine(number, record)
    }
    return number
  }

  /// Takes the packets of its calls, the outermost first.
  private func take(
    _ calls: [UnsafePointer<netisr_host_frame>], of lost: UnsafeMutablePointer<ThreadContext>,
    _ place: (set: WorkerSet, wsid: Int)?, _ left: PacketsLeftBehind, _ context: UnsafeMutablePointer<ThreadContext>
  ) {
    guard let hanging = unsafe calls.first else { return }
    // Of all calls at most one is that of the workstream's executor: the outermost, if that drains a queue, or one by hybrid
    // dispatch.
    var isExecutors = place != nil
    for index in unsafe calls.indices.reversed() {
      let call = unsafe calls[index]
      guard let record = unsafe Self.record(of: call) else {
        // A callout, by the executor.
        isExecutors = false
        continue
      }
      if unsafe call.pointee.list == nil {
        if unsafe takeCallback(call, record, context) { isExecutors = false }
        continue
      }
      let isHanging = unsafe call == hanging || record.pointee.number == Self.number(of: hanging)
      if isExecutors, let (set, wsid) = place {
        if unsafe takeQueue(call, record.pointee.number, set, wsid, context) {
          isExecutors = false
          continue
        }
        if unsafe effectiveDispatch(record, context) == .hybrid {
          isExecutors = false
          unsafe takeBatch(
            call, record, of: lost, isHanging: isHanging, hybrid: record.pointee.queues + wsid, left, context)
          continue
        }
      }
      unsafe takeBatch(call, record, of: lost, isHanging: isHanging, hybrid: nil, left, context)
    }
  }

  private static func number(of call: UnsafePointer<netisr_host_frame>) -> Int? {
    unsafe record(of: call)?.pointee.number
  }

  /// The protocol that a call is for; nil: a callout, or code that serves none yet.
  private static func record(of call: UnsafePointer<netisr_host_frame>) -> UnsafeMutablePointer<ProtocolRecord>? {
    // Every subject begins with that structure, and says whether a record is behind it.
    guard let subject = unsafe call.pointee.subject,
      unsafe subject.assumingMemoryBound(to: netisr_host_subject.self).pointee.is_bare == 0
    else { return nil }
    return unsafe subject.assumingMemoryBound(to: ProtocolRecord.self)
  }

  /// A batch of a queue, and what was taken over with it: whether it was one.
  private func takeQueue(
    _ call: UnsafePointer<netisr_host_frame>, _ number: Int, _ set: WorkerSet, _ wsid: Int,
    _ context: UnsafeMutablePointer<ThreadContext>
  ) -> Bool {
    guard let row = unsafe set.row(number), unsafe row[wsid].figures.inHand > 0,
      let cursor = unsafe call.pointee.cursor, let m = unsafe cursor.pointee
    else { return false }
    let before = unsafe cursor - call.pointee.list
    let handled = unsafe row[wsid].takeBack(
      inHand: m, batch: Self.batch,
      handled: { position, packet in
        guard accounting.isOn else { return before }
        // Each packet is a call of its own. Those that were handled lie before it in the list, without those that were
        // dropped.
        var handled = 0
        for earlier in (0..<position).reversed() where unsafe cursor[-1 - handled] == packet(earlier) { handled += 1 }
        return handled
      }, rest: { unsafe cursor[$0] })
    guard let handled else { return false }
    unsafe context.pointee.traffic.add(handled, to: .handled, of: number)
    unsafe context.pointee.traffic.add(1, to: .dropped(.fault), of: number)
    return true
  }

  /// A callback: whether it was the executor's. The packet that a policy was asked about is not counted as received yet.
  private func takeCallback(
    _ call: UnsafePointer<netisr_host_frame>, _ record: UnsafeMutablePointer<ProtocolRecord>,
    _ context: UnsafeMutablePointer<ThreadContext>
  ) -> Bool {
    let function = unsafe UInt(bitPattern: call.pointee.cursor)
    if let drained = unsafe record.pointee.drainedcpu, unsafe function == unsafeBitCast(drained, to: UInt.self) {
      return true
    }
    let number = unsafe record.pointee.number
    unsafe context.pointee.traffic.add(1, to: .received, of: number)
    unsafe context.pointee.traffic.add(1, to: .dropped(.fault), of: number)
    return false
  }

  /// What it was queueing itself in a lost thread's place, or nothing yet. Those of the protocol that hangs find it out
  /// of service.
  private func leftBehind(_ lost: UnsafeMutablePointer<ThreadContext>) -> PacketsLeftBehind {
    if let left = unsafe lost.pointee.leftBehind.take() { return left }
    takeovers.begin()
    return PacketsLeftBehind()
  }

  /// What it had taken over, and not come to yet.
  private func takeRest(
    of lost: UnsafeMutablePointer<ThreadContext>, hanging: Int?, _ left: PacketsLeftBehind,
    _ context: UnsafeMutablePointer<ThreadContext>
  ) {
    for packets in unsafe lost.pointee.inHand.all where !packets.areCalled {
      let number = packets.number
      for index in 0..<packets.count {
        if let m = unsafe packets.list[index] { unsafe take(m, number, isHanging: number == hanging, left, context) }
      }
    }
  }

  /// A packet that the lost thread would have dispatched next.
  private func take(
    _ m: UnsafeMutablePointer<mbuf>, _ number: Int, isHanging: Bool, _ left: PacketsLeftBehind,
    _ context: UnsafeMutablePointer<ThreadContext>
  ) {
    if isHanging {
      unsafe _ = refuse(context, m, number, .fault, 0)
    } else {
      unsafe left.add(m, of: number)
    }
  }

  /// What it had dispatched itself: by direct dispatch, which was counted as if all were handled, or by hybrid
  /// dispatch, which is counted at the end.
  private func takeBatch(
    _ call: UnsafePointer<netisr_host_frame>, _ record: UnsafeMutablePointer<ProtocolRecord>,
    of lost: UnsafeMutablePointer<ThreadContext>, isHanging: Bool, hybrid: UnsafeMutablePointer<PacketQueue>?,
    _ left: PacketsLeftBehind, _ context: UnsafeMutablePointer<ThreadContext>
  ) {
    guard let cursor = unsafe call.pointee.cursor, var list = unsafe call.pointee.list else { return }
    let number = unsafe record.pointee.number
    // A single packet's list is the frame's own word.
    let isSingle = UInt(bitPattern: list) == UInt(bitPattern: call) + UInt(Self.ownWord)
    var count = unsafe isSingle ? 1 : Int(call.pointee.argument)
    // While accounting is on, each packet of a batch is a call of its own.
    if let whole = unsafe lost.pointee.inHand.all.first(where: { unsafe $0.contains(list) }) {
      unsafe (list, count) = (whole.list, whole.count)
    }
    let handled = unsafe cursor - list
    if let queue = unsafe hybrid {
      unsafe queue.pointee.countHybrid(handled)
      unsafe context.pointee.traffic.add(handled, to: .hybrid, of: number)
    } else {
      unsafe context.pointee.traffic.add(handled - count, to: .dispatched, of: number)
    }
    unsafe context.pointee.traffic.add(1, to: .received, of: number)
    unsafe context.pointee.traffic.add(1, to: .dropped(.fault), of: number)
    for index in 1..<max(1, count - handled) {
      if let m = unsafe cursor[index] { unsafe take(m, number, isHanging: isHanging, left, context) }
    }
  }

  private static let ownWord = unsafe MemoryLayout<netisr_host_frame>.offset(of: \.argument)!

  /// The callout that its workstream was calling, if it was one, is over, for who waits for it.
  private func finishCallout(_ set: WorkerSet, _ wsid: Int) {
    for number in stride(from: wsid, to: callouts.count, by: set.count) {
      if unsafe callouts.queues[number].isCalling { unsafe callouts.queues[number].finish() }
    }
  }

  /// Has another thread go on, where it was a worker, or had named who should: what is to be said of it, and whether
  /// what it left behind is the other's.
  private func replace(
    _ thread: pthread_t, _ place: (set: WorkerSet, wsid: Int)?, _ successor: ThreadSuccessor?, _ left: PacketsLeftBehind
  ) -> (outcome: String, areTaken: Bool) {
    var goOn: [String] = []
    if let (set, wsid) = place {
      if set.replace(thread, by: { self.makeWorker(set, $0, inPlaceOfLost: left) }) != nil {
        if bindsWorkers { _ = self.place(set, isBound: true) }
        return ("its thread is lost; workstream \(wsid) goes on with another thread", true)
      }
      unsafe set.streams[wsid].wake()
      goOn.append("workstream \(wsid) goes on")
    }
    if let successor {
      successor.begin(left)
      goOn.insert("\(successor.name) goes on with another thread", at: 0)
    }
    let lost = "its thread is lost" + (successor == nil ? ", and what that received from is served no more" : "")
    return (([lost] + goOn).joined(separator: "; "), successor != nil)
  }
}
