import CNetISR
import NetISR

/// A protocol of a test: closures, called through real C function pointers.
public struct TestHandler {
  /// nh_handler: takes the packet over.
  public var handler: (UnsafeMutablePointer<mbuf>) -> Void
  /// nh_m2flow, if the protocol is to have one.
  public var m2flow: ((UnsafeMutablePointer<mbuf>) -> UnsafeMutablePointer<mbuf>?)?
  /// nh_m2cpuid, if the protocol is to have one: the packet and its CPU, or nil when it was kept.
  public var m2cpuid: ((UnsafeMutablePointer<mbuf>) -> (UnsafeMutablePointer<mbuf>, UInt32)?)?
  /// nh_drainedcpu, if the protocol is to have one.
  public var drained: ((UInt32) -> Void)?

  /// A protocol with these callbacks.
  public init(
    handler: @escaping (UnsafeMutablePointer<mbuf>) -> Void,
    m2flow: ((UnsafeMutablePointer<mbuf>) -> UnsafeMutablePointer<mbuf>?)? = nil,
    m2cpuid: ((UnsafeMutablePointer<mbuf>) -> (UnsafeMutablePointer<mbuf>, UInt32)?)? = nil,
    drained: ((UInt32) -> Void)? = nil
  ) {
    self.handler = handler
    self.m2flow = m2flow
    self.m2cpuid = m2cpuid
    self.drained = drained
  }
}

extension Engine {
  /// Registers `handler` for a protocol number, and enables it nowhere else than the engine does by itself.
  public func register(
    _ proto: Int32, named name: String, policy: Policy = .source, dispatch: Dispatch = .default, queueLimit: UInt32 = 0,
    disabledIn vnets: Set<Int> = [], _ handler: TestHandler
  ) throws {
    TestHandlers.set(handler, proto: Int(proto), engine: self)
    try withHandler(proto, named: name, policy: policy, dispatch: dispatch, queueLimit: queueLimit, handler) {
      try self.register($0, disabledIn: vnets)
    }
  }

  /// Calls `body` with the C structure for a test's handler.
  public func withHandler(
    _ proto: Int32, named name: String, policy: Policy, dispatch: Dispatch, queueLimit: UInt32, _ handler: TestHandler,
    _ body: (netisr_handler) throws -> Void
  ) throws {
    try name.withCString { name in
      var c = netisr_handler()
      c.nh_name = name
      c.nh_handler = trampolines[Int(proto)]
      c.nh_proto = UInt32(proto)
      c.nh_policy = policy.rawValue
      c.nh_dispatch = dispatch.rawValue
      c.nh_qlimit = queueLimit
      if handler.m2flow != nil { c.nh_m2flow = flowTrampolines[Int(proto)] }
      if handler.m2cpuid != nil { c.nh_m2cpuid = cpuTrampolines[Int(proto)] }
      if handler.drained != nil { c.nh_drainedcpu = drainedTrampolines[Int(proto)] }
      try body(c)
    }
  }
}

/// Which closures serve which protocol of which engine.
enum TestHandlers {
  nonisolated(unsafe) private static var all: [ObjectIdentifier: [Int: TestHandler]] = [:]
  private static let lock = Lock()

  static func set(_ handler: TestHandler, proto: Int, engine: Engine) {
    lock.withLock { all[ObjectIdentifier(engine), default: [:]][proto] = handler }
  }

  static func current(_ proto: Int) -> TestHandler {
    let engine = ObjectIdentifier(Engine.current!.engine)
    return lock.withLock { all[engine]![proto]! }
  }
}

typealias InputFunction = @convention(c) (UnsafeMutablePointer<mbuf>?) -> Void
typealias FlowFunction = @convention(c) (UnsafeMutablePointer<mbuf>?, UInt) -> UnsafeMutablePointer<mbuf>?
typealias CPUFunction =
  @convention(c) (UnsafeMutablePointer<mbuf>?, UInt, UnsafeMutablePointer<UInt32>?) -> UnsafeMutablePointer<mbuf>?
typealias DrainedFunction = @convention(c) (UInt32) -> Void

// A C function pointer carries no context, so each protocol number has functions of its own.
private func input(_ proto: Int, _ m: UnsafeMutablePointer<mbuf>?) { TestHandlers.current(proto).handler(m!) }
private func flow(_ proto: Int, _ m: UnsafeMutablePointer<mbuf>?) -> UnsafeMutablePointer<mbuf>? {
  TestHandlers.current(proto).m2flow!(m!)
}
private func cpu(
  _ proto: Int, _ m: UnsafeMutablePointer<mbuf>?, _ answer: UnsafeMutablePointer<UInt32>?
) -> UnsafeMutablePointer<mbuf>? {
  guard let (m, cpu) = TestHandlers.current(proto).m2cpuid!(m!) else { return nil }
  answer!.pointee = cpu
  return m
}
private func drained(_ proto: Int, _ cpu: UInt32) { TestHandlers.current(proto).drained!(cpu) }

private let trampolines: [InputFunction] = [
  { input(0, $0) }, { input(1, $0) }, { input(2, $0) }, { input(3, $0) }, { input(4, $0) }, { input(5, $0) },
  { input(6, $0) }, { input(7, $0) }, { input(8, $0) }, { input(9, $0) }, { input(10, $0) }, { input(11, $0) },
  { input(12, $0) }, { input(13, $0) }, { input(14, $0) }, { input(15, $0) },
]
private let flowTrampolines: [FlowFunction] = [
  { m, _ in flow(0, m) }, { m, _ in flow(1, m) }, { m, _ in flow(2, m) }, { m, _ in flow(3, m) },
  { m, _ in flow(4, m) }, { m, _ in flow(5, m) }, { m, _ in flow(6, m) }, { m, _ in flow(7, m) },
  { m, _ in flow(8, m) }, { m, _ in flow(9, m) }, { m, _ in flow(10, m) }, { m, _ in flow(11, m) },
  { m, _ in flow(12, m) }, { m, _ in flow(13, m) }, { m, _ in flow(14, m) }, { m, _ in flow(15, m) },
]
private let cpuTrampolines: [CPUFunction] = [
  { m, _, a in cpu(0, m, a) }, { m, _, a in cpu(1, m, a) }, { m, _, a in cpu(2, m, a) },
  { m, _, a in cpu(3, m, a) }, { m, _, a in cpu(4, m, a) }, { m, _, a in cpu(5, m, a) },
  { m, _, a in cpu(6, m, a) }, { m, _, a in cpu(7, m, a) }, { m, _, a in cpu(8, m, a) },
  { m, _, a in cpu(9, m, a) }, { m, _, a in cpu(10, m, a) }, { m, _, a in cpu(11, m, a) },
  { m, _, a in cpu(12, m, a) }, { m, _, a in cpu(13, m, a) }, { m, _, a in cpu(14, m, a) },
  { m, _, a in cpu(15, m, a) },
]
private let drainedTrampolines: [DrainedFunction] = [
  { drained(0, $0) }, { drained(1, $0) }, { drained(2, $0) }, { drained(3, $0) }, { drained(4, $0) },
  { drained(5, $0) }, { drained(6, $0) }, { drained(7, $0) }, { drained(8, $0) }, { drained(9, $0) },
  { drained(10, $0) }, { drained(11, $0) }, { drained(12, $0) }, { drained(13, $0) }, { drained(14, $0) },
  { drained(15, $0) },
]
