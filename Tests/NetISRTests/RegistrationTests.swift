import CNetISR
import NetISR
import Testing
import TestSupport

/// The rules of registration: each wrong one is an error with a reason, and changes nothing.
@Suite struct RegistrationTests {
  private func attempt(
    on engine: Engine, name: String? = "test", _ change: (inout netisr_handler) -> Void = { _ in }
  ) throws(EngineError) {
    var handler = netisr_handler()
    handler.nh_handler = { m_freem($0) }
    handler.nh_proto = 11
    handler.nh_policy = UInt32(NETISR_POLICY_SOURCE)
    var bytes = name.map { Array($0.utf8CString) } ?? []
    let failure = bytes.withUnsafeMutableBufferPointer { buffer -> EngineError? in
      handler.nh_name = name == nil ? nil : UnsafePointer(buffer.baseAddress)
      change(&handler)
      do throws(EngineError) {
        try engine.register(handler)
        return nil
      } catch {
        return error
      }
    }
    if let failure { throw failure }
  }

  struct Wrong: CustomTestStringConvertible, Sendable {
    let testDescription: String
    let change: @Sendable (inout netisr_handler) -> Void
  }

  static let wrong = [
    Wrong(testDescription: "protocol number 0") { $0.nh_proto = 0 },
    Wrong(testDescription: "protocol number 16") { $0.nh_proto = 16 },
    Wrong(testDescription: "nh_handler") { $0.nh_handler = nil },
    Wrong(testDescription: "nh_policy") { $0.nh_policy = 0 },
    Wrong(testDescription: "nh_policy") { $0.nh_policy = 4 },
    Wrong(testDescription: "nh_dispatch") { $0.nh_dispatch = 4 },
    Wrong(testDescription: "nh_m2flow") { $0.nh_m2flow = { m, _ in m } },
    Wrong(testDescription: "nh_m2cpuid: only") { $0.nh_m2cpuid = { m, _, _ in m } },
    Wrong(testDescription: "nh_m2cpuid: the CPU policy needs it") { $0.nh_policy = UInt32(NETISR_POLICY_CPU) },
    Wrong(testDescription: "nh_ispare") { $0.nh_ispare.2 = 1 },
    Wrong(testDescription: "nh_pspare") { $0.nh_pspare.3 = UnsafeMutableRawPointer(bitPattern: 8) },
  ]

  @Test(arguments: wrong)
  func aWrongRegistrationIsEINVAL(_ wrong: Wrong) throws {
    let engine = Engine()
    let error = #expect(throws: EngineError.self) { try attempt(on: engine, wrong.change) }
    #expect(error?.code == EINVAL)
    #expect(error?.description.contains(wrong.testDescription) == true, "\(String(describing: error))")
    #expect(engine.protocolStatistics().isEmpty)
    try attempt(on: engine)
  }

  @Test func namesAreChecked() throws {
    let engine = Engine()
    for name in [nil, "", "sixteen-bytes-xx"] {
      let error = #expect(throws: EngineError.self) { try attempt(on: engine, name: name) }
      #expect(error?.code == EINVAL && error?.description.contains("nh_name") == true)
    }
    try attempt(on: engine, name: "fifteen-bytes-x")
  }

  @Test func takenNumbersAndNamesAreEEXIST() throws {
    let engine = Engine()
    try attempt(on: engine)
    let number = #expect(throws: EngineError.self) { try attempt(on: engine, name: "other") }
    #expect(number?.code == EEXIST && number?.description.contains("'test'") == true)
    let name = #expect(throws: EngineError.self) { try attempt(on: engine) { $0.nh_proto = 12 } }
    #expect(name?.code == EEXIST && name?.description.contains("11") == true)
    try engine.unregister(11)
    try attempt(on: engine, name: "other")
  }

  /// From its first moment.
  @Test func whereItIsDisabledNothingGetsIn() throws {
    let engine = Engine()
    let interfaces = (0..<3).map { engine.interfaces.make(name: "if\($0)", type: IFT_ETHER, vnet: UInt32($0))! }
    func send() -> [Int32] {
      engine.withAttachedThread {
        interfaces.map { interface in
          let m = m_gethdr(M_NOWAIT, MT_DATA)!
          m.pointee.m_pkthdr.rcvif = interface
          return netisr_dispatch(11, m)
        }
      }
    }
    let handler = TestHandler { m_freem($0) }
    try engine.register(11, named: "test", disabledIn: [1, 255], handler)
    #expect(engine.disabledVnets(of: 11) == [1, 255])
    #expect(send() == [0, ENOPROTOOPT, 0])
    try engine.registerVnet(11, 1)
    try engine.unregisterVnet(11, 2)
    #expect(engine.disabledVnets(of: 11) == [2, 255])
    #expect(send() == [0, 0, ENOPROTOOPT])
    // netisr_register itself remembers nothing.
    try engine.unregister(11)
    try engine.register(11, named: "test", handler)
    #expect(engine.disabledVnets(of: 11).isEmpty)
    #expect(send() == [0, 0, 0])
    #expect(engine.conservation().isBalanced)
  }

  @Test func whatNobodyServesIsAnError() throws {
    let engine = Engine()
    #expect(throws: EngineError.self) { try engine.unregister(11) }
    #expect(throws: EngineError.self) { try engine.registerVnet(11, 0) }
    #expect(throws: EngineError.self) { try engine.setQueueLimit(of: 11, to: 5) }
    engine.withAttachedThread {
      #expect(netisr_dispatch(11, m_gethdr(M_NOWAIT, MT_DATA)) == EPROTONOSUPPORT)
      #expect(netisr_queue(11, m_gethdr(M_NOWAIT, MT_DATA)) == EPROTONOSUPPORT)
      #expect(netisr_dispatch(0, m_gethdr(M_NOWAIT, MT_DATA)) == EINVAL)
      #expect(netisr_queue(16, m_gethdr(M_NOWAIT, MT_DATA)) == EINVAL)
    }
    let balance = engine.conservation()
    #expect(balance.received == 4 && balance.isBalanced)
    #expect(balance.dropped.map(\.reason) == [.noproto] && balance.dropped.first?.count == 4)
    #expect(engine.mbufStatistics.mbufs.inFlight == 0)
  }

  @Test func codeOfAPluginMayNotRegister() throws {
    let engine = Engine()
    nonisolated(unsafe) var results: [Int32] = []
    try engine.register(
      11, named: "test",
      TestHandler { m in
        var handler = netisr_handler()
        handler.nh_proto = 11
        results.append(netisr_unregister(&handler))
        handler.nh_proto = 12
        results.append(netisr_register(&handler))
        results.append(netisr_unregister_vnet(&handler, 0))
        m_freem(m)
      })
    engine.withAttachedThread { _ = netisr_dispatch(11, m_gethdr(M_NOWAIT, MT_DATA)) }
    #expect(results == [EPERM, EPERM, EPERM])
  }
}
