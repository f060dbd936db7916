import CNetISR
import CNetISRHost

/// Follows packets through an engine that is driven by hand, one after another: which workstream each goes to, and why.
///
/// What: while it observes, each protocol's record leads to functions of this file instead of the protocol's own. They
/// take down what they are given, and then call the original: its handler, or `place` with the original record. So it is the
/// engine itself that places, queues and dispatches; nothing of its rules stands here a second time.
///
/// Why so: a look at each placement in the engine would cost every packet of every host.
///
/// Made, used and ended by one thread, that is attached to the engine; the engine has no worker threads, and nobody
/// changes registrations meanwhile.
@safe
public final class PacketObserver {
  private let engine: Engine
  private let before: ((UnsafeMutablePointer<mbuf>, DropReason) -> Void)?
  /// By protocol number.
  private var originals: [UnsafeMutablePointer<ProtocolRecord>?] = unsafe []
  private var observed: [UnsafeMutablePointer<ProtocolRecord>?] = unsafe []

  private var steps: [PacketStep] = []
  /// Packets that were placed and not handled yet, by address: their places in `steps`.
  private var placed: [UInt: Int] = [:]
  /// The handlers that run, the outermost first: their places in `steps`.
  private var running: [Int] = []
  private var entry: (proto: UInt32, source: UInt)? = nil
  private var isWorker = false
  private var drops: [DropReason: [UInt64]] = [:]

  /// Begins. Nothing is queued in the engine, and it has no worker threads.
  public init(_ engine: Engine) {
    self.engine = engine
    unsafe before = engine.onDrop
    precondition(!engine.hasWorkers && engine.observer == nil, "netisr: the engine is in use")
    // Woken for callouts, which plugins have armed.
    for wsid in 0..<engine.workerCount { engine.runWorker(wsid) }
    precondition(engine.isDrained, "netisr: packets are queued in the engine")
    unsafe originals = engine.state.withLock { unsafe engine.registrations.map { unsafe $0?.record } }
    let set = engine.workers
    unsafe observed = unsafe originals.map { original in
      guard let original = unsafe original else { return nil }
      return unsafe engine.allocate(Self.observing(original.pointee, set))
    }
    // Nothing is queued: no packet that is handled at once can overtake another.
    engine.settling.lock.withLock {
      for number in 1..<Protocols.count { _ = engine.settling.settle(number) { true } }
    }
    engine.observer = self
    unsafe engine.onDrop = { [unowned self] m, reason in unsafe self.dropped(m, reason) }
    unsafe publish(observed)
  }

  /// Ends: the engine is as it was.
  public func end() {
    unsafe publish(originals)
    for index in unsafe observed.indices { unsafe observed[index]?.deallocate() }
    unsafe observed = unsafe []
    unsafe engine.onDrop = unsafe before
    engine.observer = nil
  }

  /// A record of the same registration, that leads here.
  private static func observing(_ record: ProtocolRecord, _ set: WorkerSet) -> ProtocolRecord {
    var handler = unsafe netisr_handler()
    unsafe handler.nh_proto = UInt32(record.number)
    unsafe handler.nh_handler = ObservedCallbacks.handlers[record.number]
    unsafe handler.nh_m2cpuid = ObservedCallbacks.placements[record.number]
    unsafe handler.nh_drainedcpu = record.drainedcpu
    unsafe handler.nh_policy = Policy.cpu.rawValue
    unsafe handler.nh_dispatch = record.dispatch.rawValue
    return unsafe ProtocolRecord(
      handler, MbufHolder(mark: record.mark), generation: record.generation, set, record.queues)
  }

  private func publish(_ records: [UnsafeMutablePointer<ProtocolRecord>?]) {
    engine.control.withLock {
      for number in unsafe records.indices where unsafe records[number] != nil {
        unsafe engine.protocols.setService(number, records[number])
        // A protocol that faulted meanwhile is taken out of service again by this.
        unsafe engine.setEntrance(number, records[number])
      }
    }
    engine.waitForHandlers()
  }

  /// Dispatches a packet as an interface does, and runs workers until nothing is queued. Consumes `m`. Returns its way, in
  /// the order of what happened; packets that its handlers made are on it too.
  public func follow(proto: UInt32, source: UInt, packet m: UnsafeMutablePointer<mbuf>) -> [PacketStep] {
    steps = []
    placed = [:]
    running = []
    entry = (proto, source)
    for reason in DropReason.allCases { drops[reason] = dropCounts(reason) }
    // Every outcome is seen by the functions below.
    unsafe _ = netisr_dispatch_src(proto, source, m)
    isWorker = true
    var ran = true
    while ran {
      ran = false
      for wsid in 0..<engine.workerCount where engine.runWorker(wsid) { ran = true }
    }
    isWorker = false
    return steps
  }

  // MARK: What the engine calls

  /// In the place of nh_m2cpuid: asked for each packet of a protocol that may go to several workstreams.
  func place(
    _ number: Int, _ m: UnsafeMutablePointer<mbuf>, _ source: UInt, _ wanted: UnsafeMutablePointer<UInt32>
  ) -> UnsafeMutablePointer<mbuf>? {
    // Called by the engine, on an attached thread, for a protocol that is observed.
    let context = unsafe ThreadContext.current!
    let original = unsafe originals[number]!
    unsafe unwind(context)
    let index = unsafe begin(number, m, original, context)
    steps[index].source = source
    // If that faults, nothing below is done: the engine's guarded call goes on.
    steps[index].outcome = .dropped(.fault)
    // The engine's own rule: `policy` is not CPU, or the answer of nh_m2cpuid is passed through to it.
    if unsafe original.pointee.policy == .cpu, let m2cpuid = unsafe original.pointee.m2cpuid {
      let returned = unsafe m2cpuid(m, source, wanted)
      guard let kept = unsafe returned else { return unsafe keep(index) }
      steps[index].outcome = .queued
      steps[index].wantedCPU = unsafe wanted.pointee
      placed[UInt(bitPattern: kept)] = index
      return unsafe kept
    }
    guard let (kept, wsid) = unsafe original.place(m, source: source, isHybrid: false, cpu: context.pointee.cpu) else {
      return unsafe keep(index)
    }
    steps[index].outcome = .queued
    steps[index].workstream = wsid
    steps[index].flow = unsafe kept.flow
    placed[UInt(bitPattern: kept)] = index
    unsafe wanted.pointee = UInt32(wsid)
    return unsafe kept
  }

  /// In the place of nh_handler.
  func handle(_ number: Int, _ m: UnsafeMutablePointer<mbuf>) {
    let context = unsafe ThreadContext.current!
    let original = unsafe originals[number]!
    unsafe unwind(context)
    let isQueued = isWorker && running.isEmpty
    let known = placed.removeValue(forKey: UInt(bitPattern: m))
    let index = unsafe known ?? begin(number, m, original, context)
    steps[index].cpu = unsafe context.pointee.cpu
    // A packet that was placed, or that the only workstream had, was handled by who ran that workstream; hybrid dispatch
    // runs none but the sender's own.
    if known != nil || isQueued || steps[index].dispatch == .hybrid {
      steps[index].workstream = unsafe Int(context.pointee.cpu)
    }
    running.append(index)
    // If that faults, nothing below is done: the engine's guarded call goes on.
    steps[index].outcome = .dropped(.fault)
    unsafe original.pointee.handler(m)
    steps[index].outcome = isQueued ? .queued : .atOnce
    running.removeLast()
  }

  private func dropped(_ m: UnsafeMutablePointer<mbuf>, _ reason: DropReason) {
    if let context = unsafe ThreadContext.current { unsafe unwind(context) }
    if let index = placed.removeValue(forKey: UInt(bitPattern: m)) {
      steps[index].outcome = .dropped(reason)
    } else {
      // Counted just before: the protocol is the one whose count has moved.
      let now = dropCounts(reason)
      let number = now.indices.first { now[$0] != drops[reason]?[$0] } ?? 0
      var step = PacketStep(proto: UInt32(number), via: via)
      unsafe step.note(m)
      if let original = unsafe originals[number] { step.policy = unsafe original.pointee.policy }
      step.outcome = .dropped(reason)
      steps.append(step)
    }
    drops[reason] = dropCounts(reason)
    if let before = unsafe before { unsafe before(m, reason) }
  }

  // MARK: Parts

  /// Forgets handlers that never returned, for they faulted: each one that runs is a section deep.
  private func unwind(_ context: UnsafeMutablePointer<ThreadContext>) {
    unsafe running.removeLast(max(0, running.count - max(0, context.pointee.depth - 1)))
  }

  private var via: UInt32? { running.last.map { steps[$0].proto } }

  /// A step of a packet that is about to be placed or handled.
  private func begin(
    _ number: Int, _ m: UnsafeMutablePointer<mbuf>, _ original: UnsafeMutablePointer<ProtocolRecord>,
    _ context: UnsafeMutablePointer<ThreadContext>
  ) -> Int {
    var step = PacketStep(proto: UInt32(number), via: via)
    unsafe step.note(m)
    step.policy = unsafe original.pointee.policy
    step.dispatch = unsafe engine.effectiveDispatch(original, context)
    if steps.isEmpty, let entry, entry.proto == step.proto { step.source = entry.source }
    steps.append(step)
    return steps.count - 1
  }

  /// A callback of the policy kept the packet, or faulted with it inside of a guarded call of the engine's.
  private func keep(_ index: Int) -> UnsafeMutablePointer<mbuf>? {
    if netisr_host_fault_is_pending() == 0 { steps[index].outcome = .dropped(.policy) }
    return nil
  }

  private func dropCounts(_ reason: DropReason) -> [UInt64] {
    var counts = [UInt64](repeating: 0, count: Protocols.count)
    unsafe engine.threads.forEach { record in
      for number in counts.indices {
        unsafe counts[number] &+= record.pointee.traffic.load(.dropped(reason), of: number)
      }
    }
    return counts
  }
}
