import Glibc
import Logging
import NetISR
import PacketIO
import PluginHost
import PluginInspector

/// A whole host in one process: an engine with worker threads, the plugins of a directory, and interfaces.
///
/// Operations are [control]: from any thread, but from no handler. They end in this order: `stop` ends all
/// input first, then handles what is queued, then unloads the plugins, which may have a last word to send, then takes the
/// interfaces away.
public final class Host: @unchecked Sendable {
  /// What is fixed when a host is made.
  public struct Configuration: Sendable {
    /// Worker threads; nil is one for each CPU that the process may use.
    public var threads: Int?
    /// Whether each worker is bound to a CPU.
    public var bindThreads = false
    /// Whether workers never sleep.
    public var polling = false
    /// The global dispatch policy at the start.
    public var dispatch = GlobalDispatch.direct

    /// Where reports of plugins' faults are kept as files; nil: in memory only.
    public var faultDirectory: String?

    /// What plugins may have, and whose they must be.
    public var inspection = InspectionPolicy()

    /// Whether each plugin is tried out in a process of its own before it is loaded.
    public var probesPlugins = false

    /// One worker per CPU, unbound, direct dispatch.
    public init() {}
  }

  /// The global dispatch policies.
  public enum GlobalDispatch: String, CaseIterable, Sendable {
    /// Handlers run at once, on the sender's thread.
    case direct
    /// At once where that keeps order, otherwise queued.
    case hybrid
    /// Always queued.
    case deferred

    fileprivate var policy: Dispatch {
      switch self {
      case .direct: .direct
      case .hybrid: .hybrid
      case .deferred: .deferred
      }
    }
  }

  /// The engine. Its workers run.
  let engine: Engine
  /// The plugins.
  let plugins: PluginHost
  let admission: Admission
  let faultLog: FaultLog
  private let logger: Logger

  private let lock = Lock()
  /// The interfaces that come and go.
  let interfaces: InterfaceSet
  /// The vnets that operators have made.
  let vnetSet = VnetSet()
  /// Where the operator's changes of routes enter.
  let routeSocket: RouteSocket
  // Under the lock.
  private var directory: PluginDirectory?
  /// Captures that somebody steps by hand.
  private var feeds: [CaptureFeed] = []

  /// Makes a host without plugins and interfaces. The first one in a process takes the threads that belong to no engine.
  ///
  /// Throws when faults can't be kept in their directory.
  ///
  /// - Parameter privileges: opens devices; nil: whoever asks for an interface does.
  public init(
    _ configuration: Configuration, privileges: PrivilegedThread? = nil, logger: Logger
  ) throws(ControlError) {
    faultLog = try FaultLog(directory: configuration.faultDirectory, logger: logger)
    var engineConfiguration = Engine.Configuration(dispatch: configuration.dispatch.policy)
    if let threads = configuration.threads {
      // As many as asked for, on fewer CPUs too.
      engineConfiguration.cpuCount = max(engineConfiguration.cpuCount, threads)
      engineConfiguration.maxThreads = threads
    }
    engineConfiguration.pinned = configuration.bindThreads
    engineConfiguration.polling = configuration.polling
    engine = Engine(engineConfiguration)
    plugins = PluginHost(engine: engine, policy: configuration.inspection, logger: logger)
    unsafe plugins.onFault = { [faultLog] in faultLog.add($0) }
    admission = Admission(engine: engine)
    interfaces = InterfaceSet(engine: engine, admission: admission, privileges: privileges, logger: logger)
    routeSocket = RouteSocket(engine: engine)
    self.logger = logger
    probesPlugins = configuration.probesPlugins
    if unsafe Engine.default == nil { unsafe Engine.default = engine }
    engine.startWorkers()
    do throws(EngineError) {
      try engine.startWatchdog()
    } catch {
      logger.error("plugins that hang are not found: \(error)")
    }
  }

  // MARK: Plugins

  /// Loads every plugin of a directory, and, if `watching`, follows it. What is wrong with single files is in the
  /// list; throws when the directory can't be read.
  public func loadPlugins(from path: String, watching: Bool) throws(ControlError) {
    do throws(PluginError) {
      let directory = try PluginDirectory(CanonicalPath.of(folder: path), of: plugins, watching: watching)
      lock.withLock { self.directory = directory }
    } catch {
      throw ControlError(.failed, "plugin directory \(error)")
    }
  }

  /// Every generation that is mapped, and every refused file.
  public func pluginList() -> PluginList {
    PluginList(plugins: plugins.list().map(PluginSummary.init))
  }

  // MARK: Interfaces

  /// Makes an interface of a capture, which does nothing until it is stepped.
  ///
  /// - Parameter isAlone: nothing else sends, so that it can have everything handled before its time leaps.
  func addFeed(_ spec: CaptureSpec, isAlone: Bool = false) throws(ControlError) -> CaptureFeed {
    try lock.withLock { () throws(ControlError) in
      let settle: (() -> Void)? = isAlone ? { [unowned self] in self.drain() } : nil
      let feed = try CaptureFeed(spec, name: "file\(feeds.count)", engine: engine, settle: settle)
      feeds.append(feed)
      return feed
    }
  }

  /// Makes an interface, which is fed from by threads of its own.
  ///
  /// - Parameter isPatient: a device that is not there, or may not be opened, is waited for; else that is an error.
  @discardableResult
  public func start(_ interface: InterfaceArgument, isPatient: Bool) throws(ControlError) -> InterfaceList {
    let made = try interfaces.add(interface, isPatient: isPatient)
    for summary in made { _ = vnetSet.insert(summary.vnet) }
    return InterfaceList(interfaces: made)
  }

  /// Takes an interface away, and answers what it had done.
  public func removeInterface(_ name: String) throws(ControlError) -> InterfaceList {
    let gone = try interfaces.remove(name)
    for summary in gone {
      GroupTable(engine)?.removeAll(on: summary.index, vnet: summary.vnet)
      // The system's index of what is none of the kernel's: see ifnet.h.
      if ["epair", "atm"].contains(summary.kind) {
        routeSocket.tellGone(0x4000_0000 | summary.index, vnet: summary.vnet)
      }
    }
    return InterfaceList(interfaces: gone)
  }

  /// The interfaces' figures.
  func interfaceSummaries() -> [InterfaceSummary] {
    lock.withLock { feeds }.map(\.summary) + interfaces.summaries
  }

  // MARK: The end

  /// Returns when nothing is queued or being handled from a queue. Sources must have ended.
  func drain() {
    var backoff = Backoff()
    while true {
      // A packet that moves from one workstream to another while they are looked at is received again.
      let before = engine.conservation().received
      if engine.isDrained, engine.conservation().received == before { return }
      backoff.pause()
    }
  }

  /// Ends it all, in order: input, queues, plugins, interfaces, tables, workers.
  ///
  /// - Returns: mbufs that somebody still holds: a leak, unless it is 0.
  @discardableResult
  public func stop() -> Int {
    let directory = lock.withLock {
      defer { self.directory = nil }
      return self.directory
    }
    directory?.stop()
    interfaces.quiesceAll()
    // What is answered meanwhile still goes out.
    drain()
    plugins.unloadAll()
    interfaces.stopAll()
    for owner in Set(engine.tableList().map(\.owner.name)) {
      let retired = engine.purgeState(owner: owner)
      engine.waitForHandlers()
      engine.releaseState(retired)
    }
    engine.stopWorkers()
    engine.stopWatchdog()
    let balance = engine.conservation()
    if !balance.isBalanced {
      logger.error("unbalanced: \(balance.received) received, \(balance.handled) handled, dropped \(balance.dropped)")
    }
    return engine.mbufStatistics.mbufs.inFlight
  }
}
