import NetISR

extension Host {
  /// A snapshot. Its parts are read one after another while traffic goes on; each is consistent in itself.
  public func statistics() -> HostStatistics {
    let workstreams = engine.workstreamStatistics().map(WorkstreamSummary.init)
    return HostStatistics(
      configuration: EngineSummary(engine), plugins: pluginList().plugins,
      protocols: engine.protocolStatistics().map(ProtocolSummary.init), workstreams: workstreams,
      pluginTime: engine.isAccounting ? PluginTimeSummary.sums(of: workstreams) : nil, counters: counters(),
      conservation: ConservationSummary(conservation()), mbufs: MbufSummary(engine.mbufStatistics),
      interfaces: interfaceSummaries())
  }

  /// The balance. If traffic is too dense to read it in between, the sources pause for a moment.
  private func conservation() -> Conservation {
    let moving = engine.conservation()
    return moving.isBalanced ? moving : admission.pausing { engine.conservation() }
  }

  private func counters() -> [String: [String: UInt64]] {
    var groups: [String: [String: UInt64]] = [:]
    for counter in engine.counterSnapshot() { groups[counter.group, default: [:]][counter.name] = counter.value }
    return groups
  }
}

extension EngineSummary {
  init(_ engine: Engine) {
    threads = engine.workerCount
    maxthreads = engine.configuration.cpuCount
    bindthreads = engine.bindsWorkers
    polling = engine.polls
    dispatch = engine.dispatchPolicy.name
    defaultqlimit = engine.configuration.defaultQueueLimit
    maxqlimit = engine.configuration.maxQueueLimit
    accounting = engine.isAccounting
  }
}

extension ProtocolSummary {
  init(_ statistics: ProtocolStatistics) {
    name = statistics.name
    proto = statistics.proto
    qlimit = statistics.queueLimit
    policy = statistics.policy.name
    dispatch = statistics.dispatch.name
    flags = statistics.flags
  }
}

extension WorkstreamSummary {
  init(_ statistics: WorkstreamStatistics) {
    wsid = statistics.wsid
    cpu = statistics.cpu
    work = statistics.work.map(Work.init)
  }
}

extension WorkstreamSummary.Work {
  init(_ statistics: WorkStatistics) {
    name = statistics.name
    len = statistics.len
    watermark = statistics.watermark
    dispatched = statistics.dispatched
    hybridDispatched = statistics.hybridDispatched
    qdrops = statistics.qdrops
    queued = statistics.queued
    handled = statistics.handled
    accounting = statistics.account.map(AccountingSummary.init)
  }
}

extension ConservationSummary {
  init(_ conservation: Conservation) {
    received = conservation.received
    handled = conservation.handled
    dropped = Dictionary(uniqueKeysWithValues: conservation.dropped.map { (String(describing: $0.reason), $0.count) })
    queued = conservation.queued
    balanced = conservation.isBalanced
  }
}
