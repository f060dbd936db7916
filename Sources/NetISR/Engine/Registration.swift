import CNetISR
import Glibc

/// What the engine knows of a registered protocol.
@safe
struct Registration {
  let name: String
  var queueLimit: Int
  var record: UnsafeMutablePointer<ProtocolRecord>
  /// Direct dispatches that a CPU's threads had counted for this number before: the figures begin at 0.
  let dispatchedBefore: [UInt64]
}

/// A registration, or another change, that is not possible: which errno value netisr(9)'s C function returns, and why.
public struct EngineError: Error, Sendable, Equatable, CustomStringConvertible {
  /// `EINVAL`, `EEXIST`, `ENOENT`, ...
  public let code: Int32
  /// What was expected, and what was found.
  public let description: String

  init(_ code: Int32, _ description: String) {
    self.code = code
    self.description = description
  }
}

/// What becomes of packets that are queued when a protocol goes.
public enum Withdrawal: Sendable {
  /// They are handled first.
  case drain
  /// They are dropped, and counted as purged.
  case purge
}

extension Engine {
  /// Registers a protocol, and enables it in every vnet. [control] (netisr_register)
  ///
  /// - Parameters:
  ///   - holder: whose mbufs its packets are; nil for one of its own.
  ///   - disabledVnets: in which it is not enabled: no packet of them gets in before that is so.
  public func register(
    _ handler: netisr_handler, holder: MbufHolder? = nil, disabledIn disabledVnets: Set<Int> = []
  ) throws(EngineError) {
    try withControl { () throws(EngineError) in
      let name = try unsafe Self.validate(handler)
      let number = unsafe Int(handler.nh_proto)
      try state.withLock { () throws(EngineError) in
        if let other = registrations[number] {
          throw EngineError(EEXIST, "protocol number \(number) is taken by '\(other.name)'")
        }
        if let other = registrations.firstIndex(where: { $0?.name == name }) {
          throw EngineError(EEXIST, "the name '\(name)' is taken by protocol number \(other)")
        }
      }
      let limit = unsafe queueLimit(asked: Int(handler.nh_qlimit))
      let set = workers
      let row = unsafe set.makeRow(limit: limit)
      let record = unsafe allocate(makeRecord(handler, holder, set, row))
      let before = (0..<configuration.cpuCount).map { dispatched(number, onCPU: $0) }
      state.withLock {
        unsafe registrations[number] = Registration(
          name: name, queueLimit: limit, record: record, dispatchedBefore: before)
        unsafe set.setRow(number, row)
      }
      vnets.setAll(number, to: true)
      for vnet in disabledVnets { vnets.set(number, in: vnet, to: false) }
      accounting.begin(number)
      unsafe protocols.setService(number, record)
      unsafe setEntrance(number, record)
      events.note("\(name) (protocol \(number)) registered")
    }
  }

  /// Puts another handler in the place of the one that serves its number. [control]
  ///
  /// Queues, limits, figures and vnets stay. When this returns, no thread can run the old handler any more. The
  /// queue limit changes if the new handler asks for one.
  public func replace(
    with handler: netisr_handler, holder: MbufHolder? = nil, report: (Int) -> Void = { _ in }
  ) throws(EngineError) {
    try withControl { () throws(EngineError) in
      let name = try unsafe Self.validate(handler)
      let number = unsafe Int(handler.nh_proto)
      let old = try registration(number)
      guard old.name == name else {
        throw EngineError(EEXIST, "protocol number \(number) is served by '\(old.name)', not by '\(name)'")
      }
      let asked = unsafe Int(handler.nh_qlimit)
      let limit = asked == 0 ? old.queueLimit : queueLimit(asked: asked)
      if limit != old.queueLimit { setQueueLimit(number, limit) }
      let present = try registration(number)
      let record = unsafe makeRecord(handler, holder, workers, present.record.pointee.queues)
      events.note("\(name) (protocol \(number)): another handler took over")
      publish(record, in: number, insteadOf: present, report: report)
    }
  }

  /// Withdraws a protocol. [control] (netisr_unregister)
  ///
  /// New packets are refused at once. When this returns, no thread can run the handler any more. Without
  /// worker threads, the calling thread handles what is to be drained.
  public func unregister(
    _ proto: UInt32, _ withdrawal: Withdrawal = .purge, report: (Int) -> Void = { _ in }
  ) throws(EngineError) {
    try withControl { () throws(EngineError) in
      let number = try Self.checkNumber(proto)
      let registration = try registration(number)
      events.note("\(registration.name) (protocol \(number)): withdrawn")
      unsafe setEntrance(number, nil)
      // Whoever found the entrance open has queued, or handled, when this returns.
      gracePeriod.wait(report: report)
      if withdrawal == .drain { drainQueues(of: number) }
      unsafe protocols.setService(number, nil)
      gracePeriod.wait(report: report)
      withAttachedThread { unsafe purge(number, ThreadContext.current!) { _ in true } }
      let set = workers
      let row = unsafe state.withLock {
        registrations[number] = nil
        defer { unsafe set.setRow(number, nil) }
        return unsafe set.row(number)
      }
      vnets.setAll(number, to: false)
      quarantined.bitwiseAnd(~(1 << UInt32(number)), ordering: .relaxed)
      // Workers look over the queues inside of a section, and drain them as executors.
      gracePeriod.wait(report: report)
      set.passExecutors()
      if let row = unsafe row { unsafe set.free(row: row) }
      unsafe registration.record.deallocate()
    }
  }

  // MARK: Vnets

  /// The vnets in which a protocol that somebody serves is disabled. [any thread]
  public func disabledVnets(of proto: UInt32) -> Set<Int> {
    Set(0..<Vnets.limit).subtracting(vnets.list(of: Int(proto)))
  }

  /// Enables a protocol in a vnet. [control] (netisr_register_vnet)
  public func registerVnet(_ proto: UInt32, _ vnet: Int) throws(EngineError) {
    try withControl { () throws(EngineError) in
      let number = try checkVnet(proto, vnet)
      events.note("protocol \(number): enabled in vnet \(vnet)")
      vnets.set(number, in: vnet, to: true)
      refreshShortcut(number)
    }
  }

  /// Disables a protocol in a vnet, and purges what is queued there for it. [control] (netisr_unregister_vnet)
  public func unregisterVnet(_ proto: UInt32, _ vnet: Int) throws(EngineError) {
    try withControl { () throws(EngineError) in
      let number = try checkVnet(proto, vnet)
      events.note("protocol \(number): disabled in vnet \(vnet)")
      vnets.set(number, in: vnet, to: false)
      refreshShortcut(number)
      // Whoever found it enabled has queued, or handled, when this returns.
      gracePeriod.wait()
      withAttachedThread {
        unsafe purge(number, ThreadContext.current!) { unsafe NetISR.vnet(of: $0) == vnet }
      }
    }
  }

  // MARK: Parts

  /// Serialises a change. From a plugin's code it would wait for itself: EPERM.
  func withControl<T>(_ body: () throws(EngineError) -> T) throws(EngineError) -> T {
    if let own = unsafe netisr_host_context(), unsafe own.pointee.depth > 0 || own.pointee.registering != nil {
      throw EngineError(EPERM, "code of a plugin can't change registrations: its host does")
    }
    ThreadContext.endIfLost()
    return try control.withLock(body)
  }

  func registration(_ number: Int) throws(EngineError) -> Registration {
    guard let registration = state.withLock({ registrations[number] }) else {
      throw EngineError(ENOENT, "nobody serves protocol number \(number)")
    }
    return registration
  }

  static func checkNumber(_ proto: UInt32) throws(EngineError) -> Int {
    guard proto > 0, proto < UInt32(NETISR_MAXPROT) else {
      throw EngineError(EINVAL, "protocol number \(proto): expected 1 to \(NETISR_MAXPROT - 1)")
    }
    return Int(proto)
  }

  private func checkVnet(_ proto: UInt32, _ vnet: Int) throws(EngineError) -> Int {
    let number = try Self.checkNumber(proto)
    guard vnet >= 0, vnet < Vnets.limit else {
      throw EngineError(EINVAL, "vnet \(vnet): expected 0 to \(Vnets.limit - 1)")
    }
    _ = try registration(number)
    return number
  }

  func queueLimit(asked: Int) -> Int {
    asked == 0 ? configuration.defaultQueueLimit : min(asked, configuration.maxQueueLimit)
  }

  /// Puts a record in the place of another, and frees that when nobody can be using it.
  func publish(
    _ record: ProtocolRecord, in number: Int, insteadOf old: Registration, report: (Int) -> Void = { _ in }
  ) {
    let record = unsafe allocate(record)
    var new = old
    unsafe new.record = unsafe record
    state.withLock { registrations[number] = new }
    // The new record may turn to direct dispatch.
    let bit: UInt32 = 1 << UInt32(number)
    if configuration.ordersPolicyChanges { beginSettling(bit) }
    // One store each; a packet finds the old or the new handler, never none.
    unsafe protocols.setService(number, record)
    unsafe setEntrance(number, record)
    gracePeriod.wait(report: report)
    settling.allSeen(bit)
    unsafe old.record.deallocate()
  }

  func allocate(_ record: ProtocolRecord) -> UnsafeMutablePointer<ProtocolRecord> {
    let pointer = UnsafeMutablePointer<ProtocolRecord>.allocate(capacity: 1)
    unsafe pointer.initialize(to: record)
    return unsafe pointer
  }

  private func makeRecord(
    _ handler: netisr_handler, _ holder: MbufHolder?, _ set: WorkerSet, _ queues: UnsafeMutablePointer<PacketQueue>
  ) -> ProtocolRecord {
    unsafe ProtocolRecord(
      handler, holder ?? makeHolder(), generation: generations.wrappingAdd(1, ordering: .relaxed).newValue, set, queues)
  }

  /// Waits until the queues of a protocol that takes no new packets are empty, and their last batch is done.
  private func drainQueues(of number: Int) {
    let set = workers
    while set.isBusy(number) {
      if set.threads.isEmpty {
        processByHand(set)
      } else {
        for wsid in 0..<set.count { unsafe set.streams[wsid].wake() }
        usleep(50)
      }
    }
  }

  /// Runs every workstream once on the calling thread. Without worker threads.
  func processByHand(_ set: WorkerSet) {
    for wsid in 0..<set.count {
      withAttachedThread(cpu: UInt32(wsid)) { unsafe process(set, wsid, ThreadContext.current!, lingers: false) }
    }
  }

  /// Drops the queued packets of a protocol that `matches` chooses.
  func purge(
    _ number: Int, _ context: UnsafeMutablePointer<ThreadContext>,
    where matches: (UnsafeMutablePointer<mbuf>) -> Bool
  ) {
    let set = workers
    guard let row = unsafe set.row(number) else { return }
    set.asExecutor { wsid in
      unsafe row[wsid].remove(where: matches).forEach { m in _ = unsafe drop(context, m, number, .purged, 0) }
    }
  }

  /// The rules of netisr_register, each with its reason. Returns the name.
  static func validate(_ handler: netisr_handler) throws(EngineError) -> String {
    _ = unsafe try checkNumber(handler.nh_proto)
    guard let bytes = unsafe handler.nh_name, unsafe bytes.pointee != 0 else {
      throw EngineError(EINVAL, "nh_name: expected a name, found none")
    }
    let name = unsafe String(cString: bytes)
    func invalid(_ reason: String) -> EngineError { EngineError(EINVAL, "'\(name)': \(reason)") }
    guard name.utf8.count < Int(NETISR_PLUGIN_NAMELEN) else {
      throw invalid("nh_name: expected at most \(NETISR_PLUGIN_NAMELEN - 1) bytes, found \(name.utf8.count)")
    }
    guard unsafe handler.nh_handler != nil else { throw invalid("nh_handler: expected a function, found none") }
    guard let policy = unsafe Policy(rawValue: handler.nh_policy) else {
      throw invalid(unsafe "nh_policy: expected 1 (SOURCE), 2 (FLOW) or 3 (CPU), found \(handler.nh_policy)")
    }
    if unsafe policy != .flow && handler.nh_m2flow != nil {
      throw invalid("nh_m2flow: only the FLOW policy calls it, and nh_policy is \(policy.name)")
    }
    if unsafe policy != .cpu && handler.nh_m2cpuid != nil {
      throw invalid("nh_m2cpuid: only the CPU policy calls it, and nh_policy is \(policy.name)")
    }
    if unsafe policy == .cpu && handler.nh_m2cpuid == nil {
      throw invalid("nh_m2cpuid: the CPU policy needs it, found none")
    }
    guard unsafe Dispatch(rawValue: handler.nh_dispatch) != nil else {
      throw invalid(unsafe "nh_dispatch: expected 0 (DEFAULT) to 3 (DIRECT), found \(handler.nh_dispatch)")
    }
    let spares = unsafe handler.nh_ispare
    guard spares.0 | spares.1 | spares.2 | spares.3 == 0 else { throw invalid("nh_ispare: expected 0") }
    let pointers = unsafe handler.nh_pspare
    guard unsafe pointers.0 == nil && pointers.1 == nil && pointers.2 == nil && pointers.3 == nil else {
      throw invalid("nh_pspare: expected NULL")
    }
    return name
  }
}
