import CNetISR
import CNetISRHost
import Glibc
import Synchronization

/// One packet dispatch service: its protocols, workstreams, vnets, mbufs, counters and tables.
///
/// An engine runs with worker threads (`startWorkers`), or is driven by hand (`runWorker`), which is deterministic. A process
/// may have several; a thread belongs to the one it was attached to.
@safe
public final class Engine: @unchecked Sendable {
  /// The engine of threads that were never attached to one, such as a plugin's own. Set by the host, once, before any
  /// thread of a plugin can exist.
  nonisolated(unsafe) public static var `default`: Engine?

  /// Vnets are numbered from 0 to this, exclusively.
  public static let vnetLimit = UInt32(Vnets.limit)

  /// What is fixed when an engine is made.
  public struct Configuration: Sendable {
    /// CPUs that senders may be on; at least 1.
    public var cpuCount: Int
    /// Workstreams: -1 one per CPU, 0 one, more than there are CPUs as many as CPUs. (net.isr.maxthreads)
    public var maxThreads: Int
    /// Whether each worker is bound to a CPU at the start. (net.isr.bindthreads)
    public var pinned: Bool
    /// The global dispatch policy at the start, not `.default`. (net.isr.dispatch)
    public var dispatch: Dispatch
    /// The queue limit of protocols that ask for none, in packets. (net.isr.defaultqlimit)
    public var defaultQueueLimit: Int
    /// The highest queue limit, in packets. (net.isr.maxqlimit)
    public var maxQueueLimit: Int
    /// The bound on all mbufs and clusters together, in bytes.
    public var mbufLimit: Int

    /// Whether workers never sleep at the start. (net.isr.polling)
    public var polling = false

    /// Whether a change of dispatch policy keeps the order that the protocols' policies declare. The original does not: it
    /// has "short periods of misordered processing", and executions recorded from it show them.
    public var ordersPolicyChanges = true

    /// Whether the host's clock stands still until `advanceClock` moves it: for an engine that is driven by hand.
    public var hasManualTime = false

    /// The original's defaults, with one workstream for each CPU that the process may use.
    public init(
      cpuCount: Int = ProcessCPUs.allowed.count, maxThreads: Int = -1, pinned: Bool = false,
      dispatch: Dispatch = .direct, defaultQueueLimit: Int = 256, maxQueueLimit: Int = 10240,
      mbufLimit: Int = 256 << 20
    ) {
      self.cpuCount = max(1, cpuCount)
      self.maxThreads = maxThreads
      self.pinned = pinned
      self.dispatch = dispatch
      self.defaultQueueLimit = defaultQueueLimit
      self.maxQueueLimit = maxQueueLimit
      self.mbufLimit = mbufLimit
    }
  }

  /// Workstreams as asked for: -1 one per CPU, 0 one. (net.isr.maxthreads) [any thread]
  public var maxThreads: Int { wantedCount.load(ordering: .relaxed) }
  /// What the engine was made with; the default queue limit is cut to the maximum.
  public let configuration: Configuration
  /// Workstreams, and with worker threads as many threads. [any thread]
  public var workerCount: Int { currentCount.load(ordering: .relaxed) }

  /// Called with every packet that the engine drops, before it is freed, on the dropping thread. Set it before
  /// traffic begins.
  nonisolated(unsafe) public var onDrop: ((UnsafeMutablePointer<mbuf>, DropReason) -> Void)? = nil

  /// Called when a plugin's code has faulted with a protocol's packet or callback, which is quarantined by then: the
  /// number and what is known. On the thread that recovered, which handles no packets meanwhile. Set it before traffic
  /// begins.
  nonisolated(unsafe) public var onFault: ((Int, Fault) -> Void)? = nil

  /// Called with each misuse of an mbuf that was not a fault of a plugin's own call, on the thread that found it: what
  /// is known, who is out of service for it, if anybody, and the number that it served. Set it before traffic begins.
  nonisolated(unsafe) public var onMisuse: ((Fault, MbufHolder?, Int) -> Void)? = nil

  /// Called with each call of a plugin's code that does not return, once, by the watchdog, while it still hangs. Set it
  /// before `startWatchdog`.
  nonisolated(unsafe) public var onHang: ((Hang) -> Void)? = nil

  /// CPU time that a call of a plugin's code may take, in nanoseconds; 0: any. (net.isr.watchdog) [any thread]
  public var watchdogBound: UInt64 {
    get { watchdogTime.load(ordering: .relaxed) }
    set { watchdogTime.store(newValue, ordering: .relaxed) }
  }

  /// Takes the lines that plugins log: level, plugin's name or nil, text. Set it before traffic begins.
  nonisolated(unsafe) public var onLog: (@Sendable (UInt32, String?, String) -> Void)? = nil

  /// Interfaces by index.
  public let interfaces = InterfaceRegistry()

  let table = DispatchTable()
  let threads = ThreadRegistry()
  let gracePeriod: GracePeriod
  let mbufs: MbufPool
  let counters = CounterRegistry()
  let settings = SettingRegistry()
  let tables = TableRegistry()
  let protocols = Protocols()
  let vnets = Vnets()
  let globalDispatch: Atomic<UInt32>
  let settling = Settling()
  let accounting = Accounting()
  let callouts: Callouts
  let takeovers = Takeovers()
  let events = EngineEvents()
  let currentCount: Atomic<Int>
  let wantedCount: Atomic<Int>
  let bindsFlag: Atomic<Bool>
  let pollsFlag: Atomic<Bool>

  /// Who follows packets, in an engine that is driven by hand.
  weak var observer: PacketObserver?

  private let watchdogTime = Atomic<UInt64>(1_000_000_000)
  /// Under the control lock.
  var watchdog: Watchdog?

  /// Serialises changes: registration, vnets, limits. Held while a change waits for others.
  let control = Lock()
  /// Guards `registrations`; held only for a moment, so that a look at the state never waits for a change.
  let state = Lock()
  var registrations: [Registration?] = Array(repeating: nil, count: Protocols.count)
  /// Guards the computing of shortcuts, and quarantine.
  let shortcuts = Lock()
  /// By protocol, the generation of the registration that faulted last; 0 for none.
  var faulty = [UInt](repeating: 0, count: Protocols.count)
  /// A bit for each protocol whose registration is out of service after a fault.
  let quarantined = Atomic<UInt32>(0)
  /// Counts registrations.
  let generations = Atomic<UInt>(0)
  /// Counts those that may hold mbufs.
  let holders = Atomic<UInt32>(0)
  /// The workstreams that senders find, last, and while their number changes those before.
  var sets: [WorkerSet]

  /// Makes an engine without protocols and without worker threads.
  public init(_ configuration: Configuration = Configuration()) {
    var configuration = configuration
    configuration.defaultQueueLimit = min(configuration.defaultQueueLimit, configuration.maxQueueLimit)
    self.configuration = configuration
    let count = Self.workerCount(for: configuration.maxThreads, cpuCount: configuration.cpuCount)
    currentCount = Atomic(count)
    wantedCount = Atomic(configuration.maxThreads)
    bindsFlag = Atomic(configuration.pinned)
    pollsFlag = Atomic(configuration.polling)
    sets = [WorkerSet(count: count, isHeld: false)]
    gracePeriod = GracePeriod(table: table, threads: threads)
    mbufs = MbufPool(limit: configuration.mbufLimit)
    callouts = Callouts(clocks: Clocks(isManual: configuration.hasManualTime), count: configuration.cpuCount)
    globalDispatch = Atomic(configuration.dispatch.rawValue)
    unsafe interfaces.beginClock = { [clocks = callouts.clocks] in clocks.begin(Int($0)) }
  }

  deinit {
    precondition(workers.threads.isEmpty, "netisr: stopWorkers() before the engine ends")
    withAttachedThread {
      let context = unsafe ThreadContext.current!
      for number in 1..<Protocols.count { unsafe purge(number, context) { _ in true } }
    }
    for registration in registrations {
      if let registration { unsafe registration.record.deallocate() }
    }
    table.free()
  }

  /// Workstreams for a setting of net.isr.maxthreads.
  static func workerCount(for maxThreads: Int, cpuCount: Int) -> Int {
    maxThreads < 0 ? cpuCount : min(max(1, maxThreads), cpuCount)
  }

  /// The workstreams of now.
  var workers: WorkerSet { state.withLock { sets[sets.count - 1] } }

  /// The workstreams of now, last, and those that are being replaced.
  func allSets() -> [WorkerSet] { state.withLock { sets } }

  // MARK: Threads

  /// Makes the calling thread one of this engine's, until it ends.
  @discardableResult
  func attachCurrentThread() -> UnsafeMutablePointer<ThreadContext> {
    let record = unsafe threads.acquire(for: self, cpu: 0)
    unsafe netisr_host_set_self(record)
    prepareForFaults()
    unsafe ThreadExit.release(record)
    return unsafe record
  }

  /// Runs `body` on this thread as one of this engine's threads, counting as on CPU `cpu`.
  ///
  /// A thread may be attached to the same or another engine already: that is restored afterwards. Not from a handler.
  ///
  /// - Parameter successor: who goes on when the thread is lost; nil: nobody.
  public func withAttachedThread<T: ~Copyable, E: Error>(
    cpu: UInt32 = 0, successor: ThreadSuccessor? = nil, _ body: () throws(E) -> T
  ) throws(E) -> T {
    let before = unsafe netisr_host_get_self()
    let record = unsafe threads.acquire(for: self, cpu: cpu)
    unsafe record.pointee.successor = successor
    unsafe netisr_host_set_self(record)
    prepareForFaults()
    defer {
      unsafe netisr_host_set_self(before)
      unsafe threads.release(record)
    }
    return try body()
  }

  /// Without a signal stack, which costs 64 KiB, a thread survives all faults but an overflow of its own.
  private func prepareForFaults() {
    let error = netisr_host_fault_prepare()
    if error != 0 { unsafe onLog?(UInt32(NETISR_LOG_WARNING), nil, "a thread without a signal stack: errno \(error)") }
  }

  /// The engine of the calling thread, and the CPU that the thread counts as; nil on a thread without an engine.
  public static var current: (engine: Engine, cpu: UInt32)? {
    unsafe ThreadContext.current.map { unsafe ($0.pointee.engine, $0.pointee.cpu) }
  }

  /// Waits until no thread is inside plugin code that was replaced or withdrawn before. [control]
  public func waitForHandlers(report: (Int) -> Void = { _ in }) {
    gracePeriod.wait(report: report)
  }

  // MARK: Dispatch policy

  /// The global dispatch policy. Setting it to `.default` is an error of the caller. Order is kept over the change, as
  /// each protocol's policy declares it. [control]
  public var dispatchPolicy: Dispatch {
    get { Dispatch(rawValue: globalDispatch.load(ordering: .relaxed)) ?? .direct }
    set {
      precondition(newValue != .default, "netisr: the global dispatch policy can't be the default")
      events.note("dispatch policy \(newValue.name), was \(dispatchPolicy.name)")
      changeDispatch(of: .max) { globalDispatch.store(newValue.rawValue, ordering: .releasing) }
    }
  }

  /// Publishes a change of dispatch policies of some protocols (a bit each), so that none of their packets is overtaken.
  func changeDispatch(of numbers: UInt32, _ publish: () -> Void) {
    guard configuration.ordersPolicyChanges else {
      publish()
      return refreshShortcuts()
    }
    // One change at a time: the grace period of one says nothing of another.
    control.withLock {
      beginSettling(numbers)
      publish()
      refreshShortcuts()
      gracePeriod.wait()
      settling.allSeen(numbers)
    }
  }

  /// Sets the global dispatch policy by its word. EINVAL for `default` and for unknown words.
  public func setDispatchPolicy(named word: String) throws(EngineError) {
    guard let policy = Dispatch(named: word), policy != .default else {
      throw EngineError(EINVAL, "dispatch policy '\(word)': expected direct, hybrid or deferred")
    }
    dispatchPolicy = policy
  }

  /// How many more packets the queues take in any case: the smallest limit, less all that is queued or being handled.
  /// Who sends no more than this between two looks overflows no queue, as long as a packet makes at most one more.
  public var room: Int {
    var queued = 0
    var limit = configuration.maxQueueLimit
    unsafe forEachQueue { queue in
      let figures = unsafe queue.pointee.figures
      queued += figures.length + figures.inHand
      limit = unsafe min(limit, queue.pointee.limit)
    }
    return limit - queued
  }

  /// Whether nothing is queued nor being handled from a queue, and no callout is left that a capture's time has passed.
  public var isDrained: Bool {
    takeovers.isQuiet {
      // In this order: who takes callouts up is the executor until it has called them.
      let hasPassed = (0..<callouts.count).contains { unsafe callouts.queues[$0].hasPassed }
      return !hasPassed && state.withLock { sets.allSatisfy(\.isDrained) }
    }
  }

  /// Visits every queue, also those that are being replaced, while none can be freed.
  func forEachQueue(of numbers: Range<Int> = 1..<Protocols.count, _ body: (UnsafeMutablePointer<PacketQueue>) -> Void) {
    state.withLock {
      for set in sets {
        for number in numbers {
          guard let row = unsafe set.row(number) else { continue }
          for wsid in 0..<set.count { unsafe body(row + wsid) }
        }
      }
    }
  }
}
