import Logging
import NetISR
import PacketIO
import Synchronization

/// The interfaces of a host that runs: they come and go. [control]
final class InterfaceSet: @unchecked Sendable {
  private let engine: Engine
  private let admission: Admission
  private let privileges: PrivilegedThread?
  private let logger: Logger
  /// One change at a time.
  private let turn = Lock()
  private let lock = Lock()
  // Under the lock.
  private var interfaces: [any HostedInterface] = []
  private var captures = 0
  private var hasEnded = false
  private let threads = Atomic<Int>(0)

  init(engine: Engine, admission: Admission, privileges: PrivilegedThread?, logger: Logger) {
    self.engine = engine
    self.admission = admission
    self.privileges = privileges
    self.logger = logger
  }

  /// All figures, in the order in which the interfaces were made.
  var summaries: [InterfaceSummary] { lock.withLock { interfaces }.flatMap(\.summaries) }

  /// Makes an interface.
  ///
  /// - Parameter isPatient: a device that is not there, or may not be opened, is waited for; else that is an error.
  func add(_ argument: InterfaceArgument, isPatient: Bool) throws(ControlError) -> [InterfaceSummary] {
    try turn.withLock { () throws(ControlError) in
      guard !lock.withLock({ hasEnded }) else { throw ControlError(.conflict, "\(argument.text): the host is ending") }
      let interface = try make(argument, isPatient: isPatient)
      lock.withLock { interfaces.append(interface) }
      return interface.summaries
    }
  }

  /// Takes an interface away: by its name, or by one of a pair's ends.
  func remove(_ name: String) throws(ControlError) -> [InterfaceSummary] {
    try turn.withLock { () throws(ControlError) in take(away: try find(name)) }
  }

  /// Takes away the interface that was asked for with that text.
  func remove(spec: String) throws(ControlError) {
    try turn.withLock { () throws(ControlError) in
      guard let interface = lock.withLock({ interfaces.first { $0.spec == spec } }) else {
        throw ControlError(.notFound, "no interface '\(spec)': it was removed already")
      }
      _ = take(away: interface)
    }
  }

  private func take(away interface: any HostedInterface) -> [InterfaceSummary] {
    lock.withLock { interfaces.removeAll { $0 === interface } }
    interface.quiesce()
    let last = interface.summaries
    interface.stop()
    logger.info("\(interface.name): removed")
    return last
  }

  /// Ends all input.
  func quiesceAll() {
    turn.withLock {
      let all = lock.withLock {
        hasEnded = true
        return interfaces
      }
      for interface in all { interface.quiesce() }
    }
  }

  /// Takes all away, after `quiesceAll`.
  func stopAll() {
    turn.withLock {
      let all = lock.withLock {
        defer { interfaces = [] }
        return interfaces
      }
      for interface in all { interface.stop() }
    }
  }

  // MARK: Making and finding

  private func make(_ argument: InterfaceArgument, isPatient: Bool) throws(ControlError) -> any HostedInterface {
    let cpus: @Sendable () -> UInt32 = { [unowned self] in nextCPU() }
    switch argument.spec {
    case .capture(let spec):
      let name = lock.withLock { "file\(captures)" }
      let feed = try CaptureFeed(spec, name: name, engine: engine)
      lock.withLock { captures += 1 }
      logger.info("\(name): reads \(spec.path)")
      return CaptureSource(
        feed, spec: argument.text, engine: engine, cpu: cpus(), admission: admission, logger: logger)
    case .live(let spec):
      try requireFree([spec.device])
      let live = try LiveInterface(
        spec, spec: argument.text, engine: engine, admission: admission, privileges: privileges, cpus: cpus,
        logger: logger)
      try live.start(isPatient: isPatient)
      return live
    case .pair(let spec):
      try requireFree([spec.name, spec.name + "a", spec.name + "b"])
      return try PairedInterface(spec, spec: argument.text, engine: engine)
    case .circuit(let spec):
      try requireFree([spec.name, spec.name + "a", spec.name + "b"])
      return try CircuitInterface(spec, spec: argument.text, engine: engine)
    case .netlink(let spec):
      try requireFree([spec.name])
      return try NetlinkInterface(
        spec, spec: argument.text, engine: engine, admission: admission, privileges: privileges, cpu: cpus())
    }
  }

  /// Receiving threads are spread over the CPUs.
  private func nextCPU() -> UInt32 {
    UInt32(threads.wrappingAdd(1, ordering: .relaxed).oldValue % engine.workerCount)
  }

  private func requireFree(_ names: [String]) throws(ControlError) {
    let all = lock.withLock { interfaces }
    let taken = Set(all.map(\.name) + all.flatMap { $0.summaries.map(\.name) })
    if let name = names.first(where: taken.contains) {
      throw ControlError(.conflict, "interface \(name) is there already: remove it first")
    }
  }

  private func find(_ name: String) throws(ControlError) -> any HostedInterface {
    let all = lock.withLock { interfaces }
    if let found = all.first(where: { $0.name == name }) { return found }
    if let found = all.first(where: { $0.summaries.contains { $0.name == name } }) { return found }
    let hint = NearMiss.best(for: name, among: all.map(\.name)).map { "; did you mean '\($0)'?" } ?? ""
    throw ControlError(.notFound, "no interface '\(name)'\(hint)")
  }
}
