import CNetISR
import Glibc
import Logging
import NetISR
import PluginInspector

/// Plugins, from a file to a handler that serves, and back.
///
/// What: bytes are read once, inspected, put into a sealed memory file and mapped; the plugin's registration
/// function fills a structure, and the engine puts its handler into service. A new generation is built aside, and one
/// store puts it in the place of the old; only then, after a grace period, is the old one told and unmapped.
///
/// Why: whatever can fail comes before the store, so that a failure leaves the serving generation untouched;
/// whatever can't be undone (unmapping) comes after the grace period, so that no thread can be inside. Queues and state
/// belong to the engine: neither packets nor tables are lost.
///
/// Rejected: loading by path again (the file may change between inspection and loading, and the dynamic linker may give
/// back the old image), and unmapping whatever dlclose(3) unmaps (the inspector says what must stay).
///
/// Operations are serialised by one lock; `list` never waits for them. No thread that handles packets is stopped.
public final class PluginHost: @unchecked Sendable {
  let engine: Engine
  /// What files are judged by.
  public let inspector: Inspector
  let logger: Logger

  /// Serialises load, swap and unload.
  let operations = Lock()
  /// Under that lock.
  var faultyImages = FaultyImages()
  /// Guards what follows, and the mutable part of generations; held only for a moment.
  let state = Lock()
  var serving: [String: Generation] = [:]
  /// Draining and retired generations that are not unmapped yet, and resident ones, for ever.
  var retired: [Generation] = []
  /// Generations that were unmapped while packets that they held were still in use, oldest first.
  var indebted: [Departed] = []
  /// By path: the last attempt failed.
  var refused: [String: PluginInfo] = [:]
  /// By name: how many generations there were.
  var generations: [String: Int] = [:]
  /// By name, of plugins that were unloaded: the vnets in which they were disabled.
  var disabledVnets: [String: Set<Int>] = [:]

  /// What is done about faults, what is known of them by name, and, by the SHA-256 of bytes, whose code has faulted.
  var faultPolicy = FaultPolicy()
  var histories: [String: FaultHistory] = [:]
  var faulted: [String: String] = [:]

  /// Called with every fault, on the thread that recovered from it. Set it before plugins are loaded.
  nonisolated(unsafe) public var onFault: ((FaultReport) -> Void)? = nil

  /// A closer look at bytes that inspection has accepted: why they are refused all the same, or nothing. nil: there is none.
  /// Called with the host's operations held up. [any thread]
  public var examination: (@Sendable (_ bytes: [UInt8], _ path: String) -> [String])? {
    get { state.withLock { examinationInUse } }
    set { state.withLock { examinationInUse = newValue } }
  }
  private var examinationInUse: (@Sendable (_ bytes: [UInt8], _ path: String) -> [String])?

  /// A host for one engine. Faults of plugins no longer end the process.
  public init(engine: Engine, policy: InspectionPolicy = InspectionPolicy(), logger: Logger) {
    self.engine = engine
    inspector = Inspector(policy: policy)
    self.logger = logger
    do throws(EngineError) {
      try Fault.startContainment()
    } catch {
      logger.error("faults of plugins will end this process: \(error)")
    }
    unsafe engine.onFault = { [weak self] in self?.note($1, protocolNumber: $0) }
    unsafe engine.onMisuse = { [weak self] in self?.note($0, by: $1, protocolNumber: $2) }
    unsafe engine.onHang = { [weak self] in self?.note($0) }
    unsafe engine.onLog = { level, plugin, line in
      let levels: [Logger.Level] = [.debug, .info, .warning, .error]
      logger.log(level: levels[min(Int(level), 3)], "\(plugin ?? "plugin"): \(line)")
    }
  }

  /// Every generation that is mapped, or has left mbufs behind, and every file that was refused: by name and path, newest
  /// first. With what each holds.
  public func list() -> [PluginInfo] {
    // Both outside of the lock, which is held only for a moment: they look at every mbuf and every table.
    let census = takeCensus()
    var mapped = state.withLock { () -> [(info: PluginInfo, isCurrent: Bool, code: Range<UInt>)] in
      (Array(serving.values) + retired).map { generation in
        let name = generation.identity.name
        var info = generation.info
        info.faults = histories[name]?.count ?? 0
        info.mbufs = census.held[generation.holder] ?? MbufHolding()
        return (info, serving[name] === generation, generation.image.addresses)
      }
    }
    for index in mapped.indices {
      let name = mapped[index].info.name ?? ""
      // State is the name's: the generation that serves has it.
      let isCurrent = mapped[index].isCurrent
      mapped[index].info.memory = engine.memory(of: isCurrent ? name : nil, code: mapped[index].code)
      if isCurrent { mapped[index].info.mbufsInTables = census.inTables[name] ?? MbufHolding() }
    }
    return state.withLock {
      indebted.removeAll { census.held[$0.holder]?.mbufs == 0 }
      let gone = indebted.map { departed in
        var info = departed.info
        info.mbufs = census.held[departed.holder] ?? info.mbufs
        return info
      }
      let order = { (a: PluginInfo, b: PluginInfo) in
        (a.name ?? "~", b.generation, a.path) < (b.name ?? "~", a.generation, b.path)
      }
      return (mapped.map(\.info) + gone).sorted(by: order) + refused.values.sorted(by: order)
    }
  }

  /// The generation that serves under a name.
  public func plugin(named name: String) -> PluginInfo? {
    state.withLock { serving[name]?.info }
  }

  /// The generation that serves from a path.
  public func plugin(at path: String) -> PluginInfo? {
    state.withLock { serving.values.first { $0.path == path }?.info }
  }

  /// Forgets that a file was refused: it is gone.
  func forgetRefusal(of path: String) {
    state.withLock { refused[path] = nil }
  }

  /// Whether those bytes were refused at that path before.
  func wasRefused(_ path: String, sha256: String) -> Bool {
    state.withLock { refused[path]?.sha256 == sha256 }
  }

  /// Forgets in which vnets plugins that are unloaded now were disabled, as far as it is about this one: who uses its
  /// number next is somebody else.
  public func forget(vnet: Int) {
    state.withLock {
      for name in disabledVnets.keys { disabledVnets[name]?.remove(vnet) }
    }
  }

  /// The files that a check refused, by path.
  func pathsRefused(for check: InspectionCheck) -> [String] {
    state.withLock {
      refused.values.filter { $0.reasons.contains { $0.hasPrefix("\(check.rawValue):") } }.map(\.path).sorted()
    }
  }

  func set(_ generation: Generation, _ newState: PluginState) {
    state.withLock { generation.state = newState }
    logger.debug("\(generation.identity.name) generation \(generation.number): \(newState.rawValue)")
  }
}
