import CNetISR
import CNetISRHost
import Glibc

// The way of a packet from its sender to its handler.
//
// As in netisr(9), three steps: find the registration, find the dispatch policy, and then either call the handler on
// the sender's thread, or select a workstream and queue. Direct dispatch selects nothing. Hybrid dispatch calls the handler when
// the packet belongs to the sender's own CPU and nobody else runs that workstream, so that no packet of it can
// be overtaken; else it queues.
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

  /// `netisr_dispatch_src` and `netisr_queue_src`. Consumes `m`. 0 or an errno value.
  @inline(__always)
  func enter(
    _ entry: Entry, _ context: UnsafeMutablePointer<ThreadContext>, proto: UInt32, source: UInt,
    packet m: UnsafeMutablePointer<mbuf>
  ) -> Int32 {
    guard let number = unsafe admit(context, proto, m) else { return EINVAL }
    unsafe gracePeriod.enter(context)
    defer { unsafe gracePeriod.leave(context) }
    guard let record = unsafe protocols.entrance(number) else {
      return unsafe drop(context, m, number, .noproto, EPROTONOSUPPORT)
    }
    return unsafe deliver(entry, context, record, number, source, m)
  }

  /// The same for packets of one protocol and source, in order: one section, one look at the registration. Consumes
  /// all of them; NULL entries are passed over. Returns how many were handled or queued.
  func enter(
    _ entry: Entry, _ context: UnsafeMutablePointer<ThreadContext>, proto: UInt32, source: UInt,
    batch: UnsafeBufferPointer<UnsafeMutablePointer<mbuf>?>
  ) -> UInt32 {
    unsafe gracePeriod.enter(context)
    defer { unsafe gracePeriod.leave(context) }
    var taken: UInt32 = 0
    let record = unsafe proto < UInt32(NETISR_MAXPROT) ? protocols.entrance(Int(proto)) : nil
    for index in batch.indices {
      guard let m = unsafe batch[index], let number = unsafe admit(context, proto, m) else { continue }
      if let record = unsafe record {
        if unsafe deliver(entry, context, record, number, source, m) == 0 { taken &+= 1 }
      } else {
        _ = unsafe drop(context, m, number, .noproto, EPROTONOSUPPORT)
      }
    }
    return taken
  }

  /// One admitted packet, inside of a grace-period section.
  @inline(__always)
  private func deliver(
    _ entry: Entry, _ context: UnsafeMutablePointer<ThreadContext>, _ record: UnsafeMutablePointer<ProtocolRecord>,
    _ number: Int, _ source: UInt, _ m: UnsafeMutablePointer<mbuf>
  ) -> Int32 {
    guard unsafe vnets.isEnabled(number, for: m) else { return unsafe drop(context, m, number, .vnet, ENOPROTOOPT) }
    switch unsafe entry == .queue ? .deferred : effectiveDispatch(record, context) {
    case .direct:
      if settling.mayOvertake(number) { return unsafe settle(context, record, number, source, m) }
      return unsafe dispatchDirect(context, record, number, m)
    case .hybrid:
      return unsafe dispatchHybrid(context, record, number, source, m)
    case .deferred, .default:
      return unsafe select(context, record, .deferred, number, source, m)
    }
  }

  @inline(__always)
  private func dispatchDirect(
    _ context: UnsafeMutablePointer<ThreadContext>, _ record: UnsafeMutablePointer<ProtocolRecord>, _ number: Int,
    _ m: UnsafeMutablePointer<mbuf>
  ) -> Int32 {
    unsafe context.pointee.traffic.pointee.add(1, to: .dispatched, of: number)
    unsafe context.pointee.traffic.pointee.add(1, to: .handled, of: number)
    unsafe record.pointee.handler(m)
    return 0
  }

  /// Direct dispatch while packets may be queued from before: behind those of its workstream, if there are any.
  private func settle(
    _ context: UnsafeMutablePointer<ThreadContext>, _ record: UnsafeMutablePointer<ProtocolRecord>,
    _ number: Int, _ source: UInt, _ m: UnsafeMutablePointer<mbuf>
  ) -> Int32 {
    guard let (m, cpu) = unsafe selectWorkstream(record, .deferred, source, m, cpu: context.pointee.cpu) else {
      unsafe context.pointee.traffic.pointee.add(1, to: .dropped(.policy), of: number)
      return ENOBUFS
    }
    // Looking and queueing under one lock: otherwise the queue could drain between the two, another sender see it
    // empty and take the mark away, and this sender's next packet overtake this one.
    let stream = unsafe workstreams + cpu
    unsafe stream.lock()
    let work = unsafe stream.pointee.work + number
    if unsafe work.pointee.len > 0 || work.pointee.inProgress > 0 {
      return unsafe appendAndUnlock(context, stream, m, number, cpu)
    }
    unsafe stream.unlock()
    settling.settle(number) { !(0..<workerCount).contains { isBusy($0, number) } }
    return unsafe dispatchDirect(context, record, number, m)
  }

  /// Whether packets of a protocol are queued in a workstream, or being handled from its queue.
  private func isBusy(_ wsid: Int, _ number: Int) -> Bool {
    let stream = unsafe workstreams + wsid
    unsafe stream.lock()
    defer { unsafe stream.unlock() }
    let work = unsafe stream.pointee.work + number
    return unsafe work.pointee.len > 0 || work.pointee.inProgress > 0
  }

  /// Queues a packet, unless its queue is full: then EAGAIN, nothing is counted, and the packet is still the caller's.
  /// Otherwise as `netisr_queue_src`: 0 or an errno value, and the packet is consumed. [any thread]
  public func offer(proto: UInt32, source: UInt, packet m: UnsafeMutablePointer<mbuf>) -> Int32 {
    guard let context = unsafe ThreadContext.current else { return EAGAIN }
    guard proto > 0, proto < UInt32(NETISR_MAXPROT) else {
      return unsafe enter(.queue, context, proto: proto, source: source, packet: m)
    }
    let number = Int(proto)
    unsafe gracePeriod.enter(context)
    defer { unsafe gracePeriod.leave(context) }
    guard let record = unsafe protocols.entrance(number), unsafe vnets.isEnabled(number, for: m) else {
      return unsafe enter(.queue, context, proto: proto, source: source, packet: m)
    }
    guard let (m, cpu) = unsafe selectWorkstream(record, .deferred, source, m, cpu: context.pointee.cpu) else {
      unsafe context.pointee.traffic.pointee.add(1, to: .received, of: number)
      unsafe context.pointee.traffic.pointee.add(1, to: .dropped(.policy), of: number)
      return ENOBUFS
    }
    let stream = unsafe workstreams + cpu
    unsafe stream.lock()
    let wake = unsafe stream.append(m, to: number)
    unsafe stream.unlock()
    guard let wake else { return EAGAIN }
    unsafe context.pointee.traffic.pointee.add(1, to: .received, of: number)
    if wake { wakeups[cpu].signal() }
    return 0
  }

  /// Counts the packet as received; nil, after dropping it, for a number that is no protocol's.
  @inline(__always)
  private func admit(
    _ context: UnsafeMutablePointer<ThreadContext>, _ proto: UInt32, _ m: UnsafeMutablePointer<mbuf>
  ) -> Int? {
    guard proto > 0, proto < UInt32(NETISR_MAXPROT) else {
      // Number 0 is nobody's: its row takes what came under a wrong number.
      unsafe context.pointee.traffic.pointee.add(1, to: .received, of: 0)
      _ = unsafe drop(context, m, 0, .noproto, EINVAL)
      return nil
    }
    let number = Int(truncatingIfNeeded: proto)
    unsafe context.pointee.traffic.pointee.add(1, to: .received, of: number)
    return number
  }

  /// The protocol's dispatch policy, or the global one; deferred where the stack is deep.
  @inline(__always)
  private func effectiveDispatch(
    _ record: UnsafeMutablePointer<ProtocolRecord>, _ context: UnsafeMutablePointer<ThreadContext>
  ) -> Dispatch {
    guard unsafe context.pointee.depth <= Self.maximumDepth else { return .deferred }
    let own = unsafe record.pointee.dispatch
    // Acquire: pairs with the release in `dispatchPolicy`; who sees the new policy sees that it is settling.
    return own == .default ? Dispatch(rawValue: globalDispatch.load(ordering: .acquiring)) ?? .direct : own
  }

  /// Frees and counts a packet.
  func drop(
    _ context: UnsafeMutablePointer<ThreadContext>, _ m: UnsafeMutablePointer<mbuf>, _ number: Int,
    _ reason: DropReason, _ error: Int32
  ) -> Int32 {
    unsafe context.pointee.traffic.pointee.add(1, to: .dropped(reason), of: number)
    if let onDrop = unsafe onDrop { unsafe onDrop(m, reason) }
    unsafe m_freem(m)
    return error
  }

  /// Selects the workstream and queues there.
  private func select(
    _ context: UnsafeMutablePointer<ThreadContext>, _ record: UnsafeMutablePointer<ProtocolRecord>,
    _ dispatch: Dispatch, _ number: Int, _ source: UInt, _ m: UnsafeMutablePointer<mbuf>
  ) -> Int32 {
    guard let (m, cpu) = unsafe selectWorkstream(record, dispatch, source, m, cpu: context.pointee.cpu) else {
      unsafe context.pointee.traffic.pointee.add(1, to: .dropped(.policy), of: number)
      return ENOBUFS
    }
    return unsafe enqueue(context, m, number, on: cpu)
  }

  private func enqueue(
    _ context: UnsafeMutablePointer<ThreadContext>, _ m: UnsafeMutablePointer<mbuf>, _ number: Int, on cpu: Int
  ) -> Int32 {
    let stream = unsafe workstreams + cpu
    unsafe stream.lock()
    return unsafe appendAndUnlock(context, stream, m, number, cpu)
  }

  /// Queues a packet, or drops it when the queue is full. Locked on entry, unlocked on return.
  private func appendAndUnlock(
    _ context: UnsafeMutablePointer<ThreadContext>, _ stream: UnsafeMutablePointer<Workstream>,
    _ m: UnsafeMutablePointer<mbuf>, _ number: Int, _ cpu: Int
  ) -> Int32 {
    let wake = unsafe stream.append(m, to: number)
    if wake == nil {
      let work = unsafe stream.pointee.work + number
      unsafe work.pointee.qdrops &+= 1
    }
    unsafe stream.unlock()
    guard let wake else { return unsafe drop(context, m, number, .qlimit, ENOBUFS) }
    if wake { wakeups[cpu].signal() }
    return 0
  }

  private func dispatchHybrid(
    _ context: UnsafeMutablePointer<ThreadContext>, _ record: UnsafeMutablePointer<ProtocolRecord>,
    _ number: Int, _ source: UInt, _ m: UnsafeMutablePointer<mbuf>
  ) -> Int32 {
    let own = unsafe context.pointee.cpu
    guard let (m, cpu) = unsafe selectWorkstream(record, .hybrid, source, m, cpu: own) else {
      unsafe context.pointee.traffic.pointee.add(1, to: .dropped(.policy), of: number)
      return ENOBUFS
    }
    guard cpu == own else { return unsafe enqueue(context, m, number, on: cpu) }

    let stream = unsafe workstreams + cpu
    unsafe stream.lock()
    guard unsafe stream.isIdle else {
      unsafe stream.unlock()
      return unsafe enqueue(context, m, number, on: cpu)
    }
    // From here to the end this thread is the workstream's only executor.
    unsafe stream.pointee.dispatching = true
    unsafe stream.unlock()
    unsafe record.pointee.handler(m)
    unsafe context.pointee.traffic.pointee.add(1, to: .handled, of: number)
    unsafe stream.lock()
    unsafe stream.pointee.dispatching = false
    let work = unsafe stream.pointee.work + number
    unsafe work.pointee.handled &+= 1
    unsafe work.pointee.hybridDispatched &+= 1
    // What others queued meanwhile found somebody running, and woke nobody.
    let wake = unsafe stream.pointee.pending != 0
    if wake { unsafe stream.pointee.scheduled = true }
    unsafe stream.unlock()
    if wake { wakeups[cpu].signal() }
    return 0
  }

  /// Where a packet goes by its protocol's policy: nil when a callback kept the packet. (netisr_select_cpuid)
  private func selectWorkstream(
    _ record: UnsafeMutablePointer<ProtocolRecord>, _ dispatch: Dispatch, _ source: UInt,
    _ packet: UnsafeMutablePointer<mbuf>, cpu: UInt32
  ) -> (packet: UnsafeMutablePointer<mbuf>, cpu: Int)? {
    let count = UInt(workerCount)
    guard count > 1 else { return unsafe (packet, 0) }
    var m = unsafe packet
    var policy = unsafe record.pointee.policy
    if policy == .cpu, let m2cpuid = unsafe record.pointee.m2cpuid {
      var wanted = UInt32.max
      guard let kept = unsafe m2cpuid(m, source, &wanted) else { return nil }
      unsafe m = kept
      if wanted != UInt32.max { return unsafe (m, Int(UInt(wanted) % count)) }
      // No preference: at once if that is possible, else by source.
      if dispatch == .hybrid { return unsafe (m, Int(UInt(cpu) % count)) }
      policy = .source
    }
    if policy == .flow {
      if unsafe m.pointee.m_pkthdr.rsstype == UInt8(M_HASHTYPE_NONE), let m2flow = unsafe record.pointee.m2flow {
        guard let kept = unsafe m2flow(m, source) else { return nil }
        unsafe m = kept
      }
      if unsafe m.pointee.m_pkthdr.rsstype != UInt8(M_HASHTYPE_NONE) {
        return unsafe (m, Int(UInt(m.pointee.m_pkthdr.flowid) % count))
      }
    }
    let interface = unsafe m.pointee.m_pkthdr.rcvif.map { unsafe UInt($0.pointee.if_index) } ?? 0
    return unsafe (m, Int((interface &+ source) % count))
  }
}
