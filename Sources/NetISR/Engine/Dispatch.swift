import CNetISR
import CNetISRHost
import Glibc

// The way of a packet from its sender to its handler.
//
// As in netisr(9), three steps: find the registration, find the dispatch policy, and then either call the handler on
// the sender's thread, or select a workstream and queue. Direct dispatch selects nothing. Hybrid dispatch calls the
// handler when the packet belongs to the sender's own CPU and nobody else runs that workstream, so that no packet of it
// can be overtaken; else it queues.
//
// What differs: everything happens inside of a grace-period section (`GracePeriod`), so that a registration can be
// replaced or withdrawn at any time without a lock on this path; the record is loaded once per packet or batch, never
// again in its middle; and a missing registration is an error, not a panic.

extension Engine {
  /// How deep handlers may call each other directly before a packet is queued instead: a bound on the stack.
  static let maximumDepth = 16

  /// Whether a packet may be handled at once.
  enum Entry {
    /// By the protocol's dispatch policy. (netisr_dispatch)
    case dispatch
    /// Never: it is queued. (netisr_queue)
    case queue
  }

  /// The long way of `netisr_dispatch_src`: every condition is looked at. Consumes `m`. 0 or an errno value.
  ///
  /// Inside of a grace-period section; the number is 0 to `Protocols.count` - 1.
  @inline(never)
  func enter(
    _ context: UnsafeMutablePointer<ThreadContext>, _ number: Int, _ source: UInt, _ m: UnsafeMutablePointer<mbuf>
  ) -> Int32 {
    guard number != 0 else { return unsafe reject(context, m) }
    guard let record = unsafe protocols.entrance(number) else { return unsafe refuse(context, m, number) }
    guard unsafe vnets.admit(m, to: number) else { return unsafe refuse(context, m, number, .vnet, ENOPROTOOPT) }
    switch unsafe effectiveDispatch(record, context) {
    case .direct:
      if settling.mayOvertake(number) { return unsafe settle(context, record, number, source, m) }
      return unsafe dispatchDirect(context, record, number, m)
    case .hybrid:
      return unsafe context.dispatchHybrid(record, number, source, m, isTimed: accounting.isOn)
    case .deferred, .default:
      return unsafe context.dispatchDeferred(record, number, source, m, isTimed: accounting.isOn)
    }
  }

  /// `netisr_queue_src`. Consumes `m`. 0 or an errno value.
  func queue(
    _ context: UnsafeMutablePointer<ThreadContext>, _ proto: UInt32, _ source: UInt, _ m: UnsafeMutablePointer<mbuf>
  ) -> Int32 {
    guard proto > 0, proto < UInt32(NETISR_MAXPROT) else { return unsafe reject(context, m) }
    let number = Int(truncatingIfNeeded: proto)
    unsafe context.enterSection()
    defer { unsafe context.leaveSection() }
    guard let record = unsafe protocols.entrance(number) else { return unsafe refuse(context, m, number) }
    guard unsafe vnets.admit(m, to: number) else { return unsafe refuse(context, m, number, .vnet, ENOPROTOOPT) }
    return unsafe context.dispatchDeferred(record, number, source, m, isTimed: accounting.isOn)
  }

  @inline(__always)
  private func dispatchDirect(
    _ context: UnsafeMutablePointer<ThreadContext>, _ record: UnsafeMutablePointer<ProtocolRecord>, _ number: Int,
    _ m: UnsafeMutablePointer<mbuf>
  ) -> Int32 {
    unsafe context.pointee.traffic.add(1, to: .dispatched, of: number)
    let returned = unsafe accounting.isOn ? context.timedCall(record, m) : netisr_host_call(record, m)
    return unsafe returned == 1 ? 0 : directFault(context, number, record)
  }

  /// Direct dispatch while packets may be queued from before: behind those of its workstream, if there are any.
  func settle(
    _ context: UnsafeMutablePointer<ThreadContext>, _ record: UnsafeMutablePointer<ProtocolRecord>,
    _ number: Int, _ source: UInt, _ m: UnsafeMutablePointer<mbuf>
  ) -> Int32 {
    guard let (m, wsid) = unsafe record.place(m, source: source, isHybrid: false, cpu: context.pointee.cpu) else {
      unsafe context.pointee.traffic.add(1, to: .received, of: number)
      return unsafe countKept(context, record, number)
    }
    // Looking and queueing under one lock: otherwise the queue could drain between the two, another sender see it
    // empty and take the mark away, and this sender's next packet overtake this one.
    let result: Int32? = settling.lock.withLock {
      guard settling.mayOvertake(number) else { return nil }
      let sets = allSets()
      let isBehind =
        unsafe settling.isMoving(number) || !record.pointee.queues[wsid].isEmpty
        || sets.contains { unsafe $0.streams != record.pointee.streams && $0.isBusy(number) }
      if isBehind {
        unsafe context.pointee.traffic.add(1, to: .received, of: number)
        return unsafe context.enqueue(record, m, number, on: wsid, isTimed: accounting.isOn)
      }
      if settling.settle(number, { !sets.contains { $0.isBusy(number) } }) { refreshShortcut(number) }
      return nil
    }
    return unsafe result ?? dispatchDirect(context, record, number, m)
  }

  /// Queues a packet, unless its queue is full: then EAGAIN, nothing is counted, and the packet is still the caller's.
  /// Otherwise as `netisr_queue_src`: 0 or an errno value, and the packet is consumed. [any thread]
  public func offer(proto: UInt32, source: UInt, packet m: UnsafeMutablePointer<mbuf>) -> Int32 {
    guard let context = unsafe ThreadContext.current else { return EAGAIN }
    guard proto > 0, proto < UInt32(NETISR_MAXPROT) else {
      return unsafe queue(context, proto, source, m)
    }
    let number = Int(proto)
    unsafe context.enterSection()
    defer { unsafe context.leaveSection() }
    guard let record = unsafe protocols.entrance(number), unsafe vnets.admit(m, to: number) else {
      return unsafe queue(context, proto, source, m)
    }
    guard let (m, wsid) = unsafe record.place(m, source: source, isHybrid: false, cpu: context.pointee.cpu)
    else {
      unsafe context.pointee.traffic.add(1, to: .received, of: number)
      return unsafe countKept(context, record, number)
    }
    if accounting.isOn { unsafe accounting.stamp(m, number) }
    guard unsafe record.pointee.queues[wsid].append(m, by: context) else { return EAGAIN }
    unsafe context.pointee.traffic.add(1, to: .received, of: number)
    unsafe record.pointee.streams[wsid].signal()
    return 0
  }

  /// Drops a packet whose number is no protocol's.
  @inline(never)
  func reject(_ context: UnsafeMutablePointer<ThreadContext>, _ m: UnsafeMutablePointer<mbuf>) -> Int32 {
    // Number 0 is nobody's: its row takes what came under a wrong number.
    unsafe context.pointee.traffic.add(1, to: .received, of: 0)
    return unsafe drop(context, m, 0, .noproto, EINVAL)
  }

  /// Counts a packet that a callback of its policy kept, or in which that faulted.
  @inline(never)
  func countKept(
    _ context: UnsafeMutablePointer<ThreadContext>, _ record: UnsafeMutablePointer<ProtocolRecord>, _ number: Int
  ) -> Int32 {
    if netisr_host_fault_is_pending() != 0 { return unsafe contain(context, number, record) }
    unsafe context.pointee.traffic.add(1, to: .dropped(.policy), of: number)
    return ENOBUFS
  }

  /// Drops a packet that has just come in, and that nobody serves.
  @inline(never)
  func refuse(
    _ context: UnsafeMutablePointer<ThreadContext>, _ m: UnsafeMutablePointer<mbuf>, _ number: Int
  ) -> Int32 {
    isQuarantined(number)
      ? unsafe refuse(context, m, number, .fault, EPROTONOSUPPORT)
      : unsafe refuse(context, m, number, .noproto, EPROTONOSUPPORT)
  }

  /// Drops a packet that has just come in.
  @inline(never)
  func refuse(
    _ context: UnsafeMutablePointer<ThreadContext>, _ m: UnsafeMutablePointer<mbuf>, _ number: Int,
    _ reason: DropReason, _ error: Int32
  ) -> Int32 {
    if vnets.inspectsAll, unsafe refuseMisused(m) { return EFAULT }
    unsafe context.pointee.traffic.add(1, to: .received, of: number)
    return unsafe drop(context, m, number, reason, error)
  }

  /// Tells of what is no mbuf in use, and was handed on: nothing is done with it.
  @inline(never)
  private func refuseMisused(_ m: UnsafeMutablePointer<mbuf>) -> Bool {
    guard let wrong = unsafe mbufs.misuse(of: m) else { return false }
    note(wrong.misuse == .doubleFree ? .lateUse : wrong.misuse, at: UInt(bitPattern: m), lastBy: wrong.mark)
    return true
  }

  /// The protocol's dispatch policy, or the global one; deferred where the stack is deep.
  @inline(__always)
  func effectiveDispatch(
    _ record: UnsafeMutablePointer<ProtocolRecord>, _ context: UnsafeMutablePointer<ThreadContext>
  ) -> Dispatch {
    guard unsafe context.pointee.depth <= Self.maximumDepth else { return .deferred }
    let own = unsafe record.pointee.dispatch
    // Acquire: pairs with the release in `dispatchPolicy`; who sees the new policy sees that it is settling.
    return own == .default ? Dispatch(validated: globalDispatch.load(ordering: .acquiring)) : own
  }

  /// Frees and counts a packet.
  @inline(never)
  func drop(
    _ context: UnsafeMutablePointer<ThreadContext>, _ m: UnsafeMutablePointer<mbuf>, _ number: Int,
    _ reason: DropReason, _ error: Int32
  ) -> Int32 {
    unsafe context.pointee.traffic.add(1, to: .dropped(reason), of: number)
    if let onDrop = unsafe onDrop { unsafe onDrop(m, reason) }
    unsafe m_freem(m)
    return error
  }
}
