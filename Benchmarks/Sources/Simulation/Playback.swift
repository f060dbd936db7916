import CNetISR
import Glibc
import NetISR

/// An engine, driven by hand on one thread, through a scenario in a time of its own.
///
/// A packet arrives at each tick. Handling one takes so many ticks that the load is what the scenario says. A
/// workstream that is free takes over its whole queue, as the engine's worker does, and is busy until all of it is
/// handled; meanwhile its queue fills. So what is queued, where, in which order it is handled, and what is dropped, is
/// the real engine's doing; only time is simulated.
final class Playback {
  private static let number: UInt32 = 11
  private static let missing: Int32 = -1

  private let scenario: Scenario
  private let traffic: Traffic
  private let engine: Engine
  /// Ticks per packet.
  private let service: Double
  private var now = 0.0
  /// When each workstream is done with what it took.
  private var freeAt: [Double]
  /// By flow: the number of its last packet, from 1, and the workstream that handled it.
  private var last: [Int]
  private var place: [Int32]
  private var delays: [Float] = []
  private var outcome = Outcome()

  init(_ scenario: Scenario, _ traffic: Traffic) {
    self.scenario = scenario
    self.traffic = traffic
    let most = max(scenario.workstreams, scenario.thenWorkstreams ?? 0)
    engine = Engine(
      Engine.Configuration(
        cpuCount: most, maxThreads: scenario.workstreams, dispatch: .deferred, defaultQueueLimit: scenario.queueLimit))
    service = scenario.load * Double(scenario.workstreams)
    freeAt = Array(repeating: 0, count: most)
    last = Array(repeating: 0, count: traffic.flowIDs.count)
    place = Array(repeating: Self.missing, count: traffic.flowIDs.count)
    delays.reserveCapacity(traffic.packets.count)
  }

  func play() throws(EngineError) -> Outcome {
    try register()
    let middle = scenario.thenWorkstreams == nil ? -1 : traffic.packets.count / 2
    var before: [Int32] = []
    for index in traffic.packets.indices {
      now = Double(index)
      if index == middle, let count = scenario.thenWorkstreams {
        try change(to: count)
        before = place
        place = Array(repeating: Self.missing, count: place.count)
      }
      engine.withAttachedThread { send(index) }
      for wsid in 0..<engine.workerCount where freeAt[wsid] <= now { engine.runWorker(wsid) }
    }
    while !engine.isDrained {
      now += 1
      for wsid in 0..<engine.workerCount where freeAt[wsid] <= now { engine.runWorker(wsid) }
    }
    finish(before)
    return outcome
  }

  // MARK: The protocol

  private func register() throws(EngineError) {
    var result: EngineError?
    unsafe "simulated".withCString { name in
      var handler = unsafe netisr_handler()
      unsafe handler.nh_name = unsafe name
      unsafe handler.nh_proto = Self.number
      unsafe handler.nh_policy = scenario.policy.rawValue
      // The pointer in a packet is that of the playback that sent it, and is waiting for it.
      unsafe handler.nh_handler = { m in
        let pointer = unsafe UnsafeRawPointer(bitPattern: UInt(m!.pointee.m_pkthdr.ph_loc.1))!
        unsafe Unmanaged<Playback>.fromOpaque(pointer).takeUnretainedValue().handle(m!)
      }
      if scenario.policy == .cpu {
        unsafe handler.nh_m2cpuid = { m, source, cpu in
          unsafe cpu!.pointee = m!.pointee.m_pkthdr.flowid % UInt32(truncatingIfNeeded: source)
          return unsafe m
        }
      }
      do throws(EngineError) {
        unsafe try engine.register(handler)
      } catch {
        result = error
      }
    }
    if let result { throw result }
  }

  private func send(_ index: Int) {
    let flow = traffic.packets[index]
    guard let m = unsafe m_gethdr(M_NOWAIT, MT_DATA) else { fatalError("the queues hold less than the pool") }
    unsafe m.pointee.m_pkthdr.flowid = traffic.flowIDs[Int(flow)]
    unsafe m.pointee.m_pkthdr.rsstype = UInt8(M_HASHTYPE_OPAQUE)
    unsafe m.pointee.m_pkthdr.ph_loc.0 = UInt64(index)
    unsafe m.pointee.m_pkthdr.ph_loc.1 = UInt64(UInt(bitPattern: Unmanaged.passUnretained(self).toOpaque()))
    unsafe m.pointee.m_pkthdr.ph_loc.2 = UInt64(flow)
    let source: Int =
      switch scenario.policy {
      case .source: Int(flow) % scenario.sources
      case .cpu: scenario.cpuTable
      case .flow: 0
      }
    _ = unsafe netisr_queue_src(Self.number, UInt(source), m)
  }

  /// The handler of one packet, on its workstream.
  private func handle(_ m: UnsafeMutablePointer<mbuf>) {
    let index = unsafe Int(m.pointee.m_pkthdr.ph_loc.0)
    let flow = unsafe Int(m.pointee.m_pkthdr.ph_loc.2)
    unsafe m_freem(m)
    let wsid = Int(Engine.current!.cpu)
    if index + 1 <= last[flow] { outcome.violations += 1 }
    last[flow] = index + 1
    place[flow] = Int32(wsid)
    freeAt[wsid] = max(freeAt[wsid], now) + service
    delays.append(Float((freeAt[wsid] - Double(index)) / service))
  }

  /// Changes the number of workstreams, as under traffic: the new ones begin when the last of the old ones is done.
  private func change(to count: Int) throws(EngineError) {
    try engine.setWorkerCount(count)
    let begin = max(now, freeAt.max() ?? now)
    outcome.pause = (begin - now) / service
    for wsid in freeAt.indices { freeAt[wsid] = begin }
  }

  // MARK: The figures

  private func finish(_ before: [Int32]) {
    let work = engine.workstreamStatistics().flatMap(\.work)
    let got = work.map { Int($0.queued + $0.qdrops) }
    outcome.packets = traffic.packets.count
    outcome.handled = delays.count
    outcome.drops = work.reduce(0) { $0 + Int($1.qdrops) }
    outcome.balance = Double(got.max() ?? 0) * Double(got.count) / Double(max(1, got.reduce(0, +)))
    outcome.watermark = work.map(\.watermark).max() ?? 0
    delays.sort()
    if let longest = delays.last {
      outcome.delay = (
        Double(delays[delays.count / 2]), Double(delays[delays.count * 99 / 100]), Double(longest)
      )
    }
    let both = before.indices.filter { before[$0] != Self.missing && place[$0] != Self.missing }
    let moved = both.count { before[$0] != place[$0] }
    outcome.movedFlows = both.isEmpty ? 0 : Double(moved) / Double(both.count)
    let balance = engine.conservation()
    outcome.isBalanced =
      balance.isBalanced && balance.queued == 0 && Int(balance.received) == outcome.packets
      && Int(balance.handled) == outcome.handled && engine.mbufStatistics.mbufs.inFlight == 0
  }
}

extension Scenario {
  /// Plays it, on this thread, with an engine of its own.
  public func play(_ traffic: Traffic) throws(EngineError) -> Outcome {
    try Playback(self, traffic).play()
  }
}
