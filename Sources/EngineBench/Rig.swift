import CBaseline
import CEngineBench
import CNetISR
import Glibc
import NetISR

/// The engine and its peer side by side: the same protocols in both, workers of both on the same CPUs, and mbufs to
/// send.
///
/// The thread that makes it is bound to the first CPU that the process may use, and is the sender; packets for another
/// workstream are handled on the second. On a machine with one CPU everything is there.
@safe
final class Rig: @unchecked Sendable {  // nothing in it changes between init and end()
  /// mbufs that are sent over and over.
  static let mbufCount = 32_768

  let engine: Engine
  /// The CPUs that are used, at most two: workers' by workstream, and senders'.
  let cpus: [UInt32]
  var cpuCount: Int { cpus.count }
  /// Of the way between the two CPUs; nil when there is one.
  let probe: OpaquePointer?
  let interface: UnsafeMutablePointer<ifnet>
  private let sequential: UnsafeMutablePointer<UnsafeMutablePointer<mbuf>?>
  private let shuffled: UnsafeMutablePointer<UnsafeMutablePointer<mbuf>?>
  private var baselineWorkers: [NetISR.Thread] = []

  /// Which handler serves a protocol.
  enum Handler: UInt32, CaseIterable {
    /// Marks the packet as handled.
    case recycle
    /// Frees it.
    case free
    /// Works for a while first.
    case busy
    /// Notes when it came.
    case stamped
  }

  /// The protocol number of a form, with that handler.
  static func number(_ form: Form, _ handler: Handler) -> UInt32 {
    1 + handler.rawValue * 3 + UInt32(form.dispatch) - UInt32(NETISR_DISPATCH_DEFERRED)
  }

  /// Runs `body` with a rig, on a thread of its own that ends with it.
  ///
  /// - Parameter workers: whether worker threads run; otherwise the senders do their work.
  static func use<Result: Sendable>(
    workers: Bool, _ body: @escaping @Sendable (Rig) throws(BenchError) -> Result
  ) throws(BenchError) -> Result {
    let outcome = Outcome<Result>()
    let cpus = Array(ProcessCPUs.allowed.prefix(2))
    let cpuCount = cpus.count
    let engine = Engine(
      Engine.Configuration(
        cpuCount: cpuCount, pinned: true, defaultQueueLimit: 2 * mbufCount, maxQueueLimit: 2 * mbufCount))
    let thread = NetISR.Thread(name: "sender") {
      engine.withAttachedThread(cpu: 0) {
        do throws(BenchError) {
          let rig = try Rig(engine, cpus, workers: workers)
          defer { rig.end() }
          outcome.result = .success(try body(rig))
        } catch {
          outcome.result = .failure(error)
        }
      }
    }
    thread.join()
    guard let result = outcome.result else { throw BenchError("the sender's thread ended without a result") }
    return try result.get()
  }

  /// Written by the sender's thread, read when it was joined.
  private final class Outcome<Value: Sendable>: @unchecked Sendable {
    var result: Result<Value, BenchError>?
  }

  private init(_ engine: Engine, _ cpus: [UInt32], workers: Bool) throws(BenchError) {
    let error = NetISR.Thread.bindCurrent(to: [cpus[0]])
    guard error == 0 else { throw BenchError("the sender can't be bound to CPU \(cpus[0]): errno \(error)") }
    self.engine = engine
    self.cpus = cpus
    guard let interface = unsafe engine.interfaces.make(name: "bench0", type: IFT_OTHER) else {
      throw BenchError("no interface could be made")
    }
    unsafe self.interface = unsafe interface
    unsafe sequential = .allocate(capacity: Self.mbufCount)
    unsafe shuffled = .allocate(capacity: Self.mbufCount)
    if cpus.count > 1 {
      unsafe probe = bench_probe_start(cpus[1])
      guard unsafe probe != nil else { throw BenchError("no thread can be bound to CPU \(cpus[1])") }
    } else {
      unsafe probe = nil
    }
    try allocate()
    try register()
    guard workers else { return }
    engine.startWorkers()
    baselineWorkers = (0..<cpuCount).map { wsid in
      NetISR.Thread(name: "baseline/\(wsid)") {
        _ = NetISR.Thread.bindCurrent(to: [cpus[wsid]])
        engine.withAttachedThread(cpu: UInt32(wsid)) { baseline_serve(UInt32(wsid)) }
      }
    }
  }

  private func allocate() throws(BenchError) {
    var all: [UInt] = []
    for _ in 0..<Self.mbufCount {
      guard let m = unsafe m_gethdr(M_NOWAIT, MT_DATA) else {
        throw BenchError("mbufs: expected \(Self.mbufCount), found \(all.count)")
      }
      all.append(UInt(bitPattern: m))
    }
    all.sort()
    var generator = Xorshift(state: 0x9e37_79b9_7f4a_7c15)
    let mixed = all.shuffled(using: &generator)
    for index in all.indices {
      unsafe (sequential + index).initialize(to: UnsafeMutablePointer(bitPattern: all[index]))
      unsafe (shuffled + index).initialize(to: UnsafeMutablePointer(bitPattern: mixed[index]))
    }
  }

  private func register() throws(BenchError) {
    var error = baseline_reset(UInt32(cpuCount))
    guard error == 0 else { throw BenchError("the baseline is in use already: errno \(error)") }
    for form in [Form.direct, .hybrid, .deferred] {
      for which in Handler.allCases {
        let name = unsafe strdup("\(form)-\(which.rawValue)")
        defer { unsafe free(name) }
        var handler = unsafe netisr_handler()
        unsafe handler.nh_name = unsafe UnsafePointer(name)
        switch which {
        case .recycle: unsafe handler.nh_handler = bench_recycle
        case .free: unsafe handler.nh_handler = bench_free
        case .busy: unsafe handler.nh_handler = bench_busy
        case .stamped: unsafe handler.nh_handler = bench_stamped
        }
        unsafe handler.nh_proto = Self.number(form, which)
        unsafe handler.nh_qlimit = UInt32(2 * Self.mbufCount)
        unsafe handler.nh_policy = UInt32(NETISR_POLICY_FLOW)
        unsafe handler.nh_dispatch = UInt32(form.dispatch)
        do throws(EngineError) {
          unsafe try engine.register(handler)
        } catch {
          throw BenchError("a protocol for the benchmark can't be registered: \(error)")
        }
        error = unsafe baseline_register(&handler)
        guard error == 0 else { throw BenchError("the baseline's registration: errno \(error)") }
      }
    }
  }

  /// The mbufs that a supply sends over and over; nil when it allocates.
  func ring(_ supply: Supply) -> UnsafeMutablePointer<UnsafeMutablePointer<mbuf>?>? {
    switch supply {
    case .sequential: unsafe sequential
    case .shuffled: unsafe shuffled
    case .allocated: nil
    }
  }

  private func end() {
    if !baselineWorkers.isEmpty { baseline_stop() }
    for worker in baselineWorkers { worker.join() }
    engine.stopWorkers()
    if let probe = unsafe probe { unsafe bench_probe_stop(probe) }
    for index in 0..<Self.mbufCount { unsafe m_freem(sequential[index]) }
    unsafe sequential.deallocate()
    unsafe shuffled.deallocate()
  }
}

/// Random numbers that are the same in every run.
private struct Xorshift: RandomNumberGenerator {
  var state: UInt64

  mutating func next() -> UInt64 {
    state ^= state << 13
    state ^= state >> 7
    state ^= state << 17
    return state
  }
}
