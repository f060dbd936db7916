import CBaseline
import CNetISR
import Glibc
import NetISR
import Testing

/// The peer must be a right engine, or a comparison with it says nothing. One at a time: its tables are static.
@Suite(.serialized) struct BaselineTests {
  /// Its mbufs come from an engine's pool.
  let engine = Engine(Engine.Configuration(cpuCount: 2))

  @Test func queuesUpToItsLimitAndDropsTheRest() throws {
    try setUp(dispatch: NETISR_DISPATCH_DEFERRED, limit: 4)
    engine.withAttachedThread {
      let results = (0..<6).map { send($0, flow: 1) }
      #expect(results == [0, 0, 0, 0, ENOBUFS, ENOBUFS])
      #expect(Recorder.order == [])
      #expect(baseline_reset(1) == EBUSY)
      #expect(baseline_run(0) == 0)
      #expect(baseline_run(1) == 1)
      #expect(baseline_run(1) == 0)
    }
    #expect(Recorder.order == [0, 1, 2, 3])
    let work = figures(1)
    #expect(work.queued == 4 && work.qdrops == 2 && work.handled == 4 && work.watermark == 4 && work.len == 0)
    #expect(engine.mbufStatistics.mbufs.inFlight == 0)
  }

  @Test func directDispatchHandlesAtOnce() throws {
    try setUp(dispatch: NETISR_DISPATCH_DIRECT)
    engine.withAttachedThread {
      for number in 0..<3 { #expect(send(number, flow: 1) == 0) }
    }
    #expect(Recorder.order == [0, 1, 2])
    let work = figures(0)
    #expect(work.dispatched == 3 && work.handled == 3 && work.queued == 0)
  }

  /// A packet of another workstream is queued there; so is one that comes while this thread runs the handler.
  @Test func hybridDispatchFallsBackToTheQueue() throws {
    try setUp(dispatch: NETISR_DISPATCH_HYBRID)
    Recorder.nested = { #expect(send(1, flow: 0) == 0) }
    engine.withAttachedThread {
      #expect(send(0, flow: 0) == 0)
      #expect(Recorder.order == [0])
      #expect(send(2, flow: 1) == 0)
      #expect(Recorder.order == [0])
      // Behind the one that is queued, though nobody runs: the worker was woken.
      #expect(send(3, flow: 0) == 0)
      #expect(baseline_run(0) == 1)
      #expect(Recorder.order == [0, 1, 3])
      #expect(baseline_run(1) == 1)
    }
    #expect(Recorder.order == [0, 1, 3, 2])
    #expect(figures(0).hybrid_dispatched == 1 && figures(0).queued == 2 && figures(0).handled == 3)
    #expect(figures(1).hybrid_dispatched == 0 && figures(1).queued == 1 && figures(1).handled == 1)
  }

  @Test(arguments: [(Int32(1), 7, 3, 0), (2, 7, 3, 1), (3, 7, 3, 1)])
  func policiesSelectTheWorkstream(policy: Int32, flow: UInt32, source: UInt, expected: UInt32) throws {
    try setUp(dispatch: NETISR_DISPATCH_DEFERRED, policy: policy)
    let interface = try #require(engine.interfaces.make(name: "test0", type: IFT_OTHER))
    engine.withAttachedThread {
      #expect(send(0, flow: flow, source: source, interface: interface) == 0)
      #expect(baseline_run(expected) == 1)
    }
    #expect(Recorder.order == [0])
  }

  /// Two senders with a flow each, and a worker thread for each workstream: every packet once, each flow in order.
  @Test func workersKeepOrderAndCount() throws {
    try setUp(dispatch: NETISR_DISPATCH_DEFERRED, limit: 100_000)
    let workers = (0..<2).map { wsid in
      NetISR.Thread(name: "baseline") { [engine] in
        engine.withAttachedThread(cpu: UInt32(wsid)) { baseline_serve(UInt32(wsid)) }
      }
    }
    let senders = (0..<2).map { flow in
      NetISR.Thread(name: "sender") { [engine] in
        engine.withAttachedThread(cpu: UInt32(flow)) {
          for number in 0..<20_000 {
            guard send(number, flow: UInt32(flow)) == 0 else { fatalError("dropped below the limit") }
          }
        }
      }
    }
    for sender in senders { sender.join() }
    baseline_stop()
    for worker in workers { worker.join() }
    for flow in 0..<2 {
      #expect(Recorder.flows[flow] == Array(0..<20_000))
      #expect(figures(UInt32(flow)).queued == 20_000 && figures(UInt32(flow)).handled == 20_000)
    }
    #expect(engine.mbufStatistics.mbufs.inFlight == 0)
  }

  @Test func refusesWhatItCanNotServe() throws {
    try setUp(dispatch: NETISR_DISPATCH_DIRECT)
    #expect(register(number: 11, dispatch: NETISR_DISPATCH_DIRECT) == EEXIST)
    #expect(register(number: 16, dispatch: NETISR_DISPATCH_DIRECT) == EINVAL)
    #expect(register(number: 12, dispatch: 4) == EINVAL)
    #expect(baseline_reset(0) == EINVAL)
    engine.withAttachedThread {
      #expect(baseline_dispatch_src(12, 0, packet(0, flow: 0)) == EPROTONOSUPPORT)
      #expect(baseline_queue_src(0, 0, packet(0, flow: 0)) == EINVAL)
    }
    #expect(engine.mbufStatistics.mbufs.inFlight == 0)
  }
}

/// What the handler saw.
private enum Recorder {
  /// By flow. Each is handled by one thread at a time, and two threads may be at two of them: so no array, which
  /// both would change.
  nonisolated(unsafe) static let flows: UnsafeMutablePointer<[Int]> = {
    let flows = UnsafeMutablePointer<[Int]>.allocate(capacity: 2)
    flows.initialize(repeating: [], count: 2)
    return flows
  }()
  nonisolated(unsafe) static var order: [Int] = []
  /// Done once, in the first packet's handler.
  nonisolated(unsafe) static var nested: (() -> Void)?
  /// Whether the order over all flows is recorded: with one thread only.
  nonisolated(unsafe) static var isAlone = true
}

private func setUp(dispatch: Int32, policy: Int32 = NETISR_POLICY_FLOW, limit: UInt32 = 256) throws {
  for flow in 0..<2 { Recorder.flows[flow] = [] }
  Recorder.order = []
  Recorder.nested = nil
  Recorder.isAlone = limit <= 256
  try #require(baseline_reset(2) == 0)
  baseline_set_cpu(0)
  try #require(register(number: 11, dispatch: dispatch, policy: policy, limit: limit) == 0)
}

private func register(
  number: UInt32, dispatch: Int32, policy: Int32 = NETISR_POLICY_FLOW, limit: UInt32 = 256
) -> Int32 {
  var handler = netisr_handler()
  handler.nh_handler = { m in
    guard let m else { return }
    let number = Int(m.pointee.m_pkthdr.ph_loc.0)
    Recorder.flows[Int(m.pointee.m_pkthdr.flowid) % 2].append(number)
    if Recorder.isAlone { Recorder.order.append(number) }
    m_freem(m)
    guard let nested = Recorder.nested else { return }
    Recorder.nested = nil
    nested()
  }
  if policy == NETISR_POLICY_CPU {
    handler.nh_m2cpuid = { m, _, cpu in
      cpu?.pointee = 5
      return m
    }
  }
  handler.nh_proto = number
  handler.nh_qlimit = limit
  handler.nh_policy = UInt32(policy)
  handler.nh_dispatch = UInt32(dispatch)
  return baseline_register(&handler)
}

private func packet(_ number: Int, flow: UInt32) -> UnsafeMutablePointer<mbuf> {
  guard let m = m_gethdr(M_NOWAIT, MT_DATA) else { fatalError("no mbuf") }
  m.pointee.m_pkthdr.flowid = flow
  m.pointee.m_pkthdr.rsstype = UInt8(M_HASHTYPE_OPAQUE)
  m.pointee.m_pkthdr.ph_loc.0 = UInt64(number)
  return m
}

private func send(
  _ number: Int, flow: UInt32, source: UInt = 0, interface: UnsafeMutablePointer<ifnet>? = nil
) -> Int32 {
  let m = packet(number, flow: flow)
  m.pointee.m_pkthdr.rcvif = interface
  return baseline_dispatch_src(11, source, m)
}

private func figures(_ wsid: UInt32) -> baseline_work {
  var work = baseline_work()
  #expect(baseline_statistics(wsid, 11, &work) == 0)
  return work
}
