import CNetISR
import Foundation
@testable import NetISR
import Testing
import TestSupport

/// Packets followed through an engine: what is observed is what happens without an observer.
@Suite struct ObservationTests {
  private static func packet(
    _ interface: UnsafeMutablePointer<ifnet>, flow: UInt32? = nil
  ) -> UnsafeMutablePointer<mbuf> {
    let m = m_gethdr(M_NOWAIT, MT_DATA)!
    m.pointee.m_pkthdr.rcvif = interface
    if let flow {
      m.pointee.m_pkthdr.flowid = flow
      m.pointee.m_pkthdr.rsstype = UInt8(M_HASHTYPE_OPAQUE)
    }
    return m
  }

  /// outer (source) -> inner (flow, by its m2flow) and, in the end, third (CPU).
  private static func engine(_ dispatch: Dispatch, cpus: Int = 4) throws -> Engine {
    let engine = Engine(Engine.Configuration(cpuCount: cpus, dispatch: dispatch))
    try engine.register(11, named: "outer", policy: .source, TestHandler { netisr_dispatch_src(12, 5, $0) })
    try engine.register(
      12, named: "inner", policy: .flow,
      TestHandler(
        handler: { netisr_dispatch_src(13, 6, $0) },
        m2flow: { m in
          m.pointee.m_pkthdr.flowid = 7
          m.pointee.m_pkthdr.rsstype = UInt8(M_HASHTYPE_RSS_IPV4)
          return m
        }))
    try engine.register(13, named: "third", policy: .cpu, TestHandler(handler: { m_freem($0) }, m2cpuid: { ($0, 9) }))
    return engine
  }

  @Test func deferredPlacements() throws {
    let engine = try Self.engine(.deferred)
    let interface = engine.interfaces.make(name: "test0", type: IFT_ETHER)!
    engine.withAttachedThread {
      let observer = PacketObserver(engine)
      let steps = observer.follow(proto: 11, source: 2, packet: Self.packet(interface))
      #expect(steps.map(\.proto) == [11, 12, 13])
      #expect(steps.map(\.via) == [nil, 11, 12])
      #expect(steps.map(\.source) == [2, 5, 6])
      #expect(steps.allSatisfy { $0.outcome == .queued && $0.dispatch == .deferred && $0.interfaceName == "test0" })
      // (interface 1 + source 2) % 4; flow 7 % 4; CPU 9 % 4.
      #expect(steps.map(\.workstream) == [3, 3, 1])
      #expect(steps.map(\.cpu) == [3, 3, 1])
      #expect(steps[1].arrivedFlow == nil && steps[1].flow == PacketStep.Flow(id: 7, hashType: 1))
      #expect(steps[2].wantedCPU == 9)
      // A flow that comes with the packet is not computed.
      let other = observer.follow(proto: 12, source: 0, packet: Self.packet(interface, flow: 10))
      #expect(other[0].workstream == 2 && other[0].arrivedFlow?.id == 10 && other[0].flow?.id == 10)
      observer.end()
    }
    #expect(engine.mbufStatistics.mbufs.inFlight == 0 && engine.conservation().isBalanced)
  }

  @Test func handledAtOnce() throws {
    for dispatch in [Dispatch.direct, .hybrid] {
      let engine = try Self.engine(dispatch)
      let interface = engine.interfaces.make(name: "test0", type: IFT_ETHER)!
      // A change may have left a mark that packets could overtake others.
      try engine.setDispatchPolicy(of: 12, to: dispatch)
      engine.withAttachedThread(cpu: 3) {
        let observer = PacketObserver(engine)
        let steps = observer.follow(proto: 11, source: 2, packet: Self.packet(interface))
        #expect(steps.map(\.proto) == [11, 12, 13])
        #expect(steps[0].outcome == .atOnce && steps[0].cpu == 3)
        if dispatch == .direct {
          #expect(steps.allSatisfy { $0.outcome == .atOnce && $0.workstream == nil && $0.flow == nil })
          #expect(steps.map(\.via) == [nil, 11, 12])
        } else {
          // The first is the sender's own; a handler can't be the executor twice, so the second is queued behind it.
          #expect(steps.map(\.workstream) == [3, 3, 1])
          #expect(steps.map(\.outcome) == [.atOnce, .queued, .queued])
        }
        observer.end()
      }
    }
  }

  @Test func oneWorkstreamNeedsNoPlacement() throws {
    let engine = try Self.engine(.deferred, cpus: 1)
    let interface = engine.interfaces.make(name: "test0", type: IFT_ETHER)!
    engine.withAttachedThread {
      let observer = PacketObserver(engine)
      let steps = observer.follow(proto: 11, source: 2, packet: Self.packet(interface))
      #expect(steps.map(\.proto) == [11, 12, 13] && steps.allSatisfy { $0.workstream == 0 && $0.outcome == .queued })
      #expect(steps[1].flow == nil, "nh_m2flow is not asked")
      observer.end()
    }
  }

  @Test func dropsHaveTheirReasons() throws {
    let engine = Engine(Engine.Configuration(cpuCount: 2, dispatch: .deferred))
    try engine.register(11, named: "outer", TestHandler { netisr_dispatch(14, $0) })
    try engine.register(
      12, named: "keeps", policy: .flow,
      TestHandler(
        handler: { m_freem($0) },
        m2flow: { m in
          m_freem(m)
          return nil
        }))
    try engine.register(13, named: "full", queueLimit: 1, TestHandler { m_freem($0) })
    try engine.setQueueLimit(of: 13, to: 0)
    let interface = engine.interfaces.make(name: "test0", type: IFT_ETHER)!
    var dropped = 0
    engine.onDrop = { _, _ in dropped += 1 }
    engine.withAttachedThread {
      let observer = PacketObserver(engine)
      let lost = observer.follow(proto: 11, source: 0, packet: Self.packet(interface))
      #expect(lost.map(\.proto) == [11, 14] && lost[1].outcome == .dropped(.noproto) && lost[1].via == 11)
      #expect(lost[1].policy == nil && lost[1].workstream == nil)
      let kept = observer.follow(proto: 12, source: 0, packet: Self.packet(interface))
      #expect(kept.count == 1 && kept[0].outcome == .dropped(.policy))
      let full = observer.follow(proto: 13, source: 0, packet: Self.packet(interface))
      #expect(full.count == 1 && full[0].outcome == .dropped(.qlimit) && full[0].workstream == 1)
      observer.end()
    }
    #expect(dropped == 2, "who listened before still hears")
    #expect(engine.conservation().isBalanced)
  }

  /// With and without an observer, the same packets count in the same queues; and afterwards the engine is as it was.
  @Test(arguments: [Dispatch.direct, .hybrid, .deferred])
  func observingChangesNothing(dispatch: Dispatch) throws {
    func figures(observed: Bool) throws -> [[UInt64]] {
      let engine = try Self.engine(dispatch)
      let interface = engine.interfaces.make(name: "test0", type: IFT_ETHER)!
      engine.withAttachedThread {
        let observer = observed ? PacketObserver(engine) : nil
        for source in 0..<8 as Range<UInt> {
          if let observer {
            #expect(observer.follow(proto: 11, source: source, packet: Self.packet(interface)).count == 3)
          } else {
            netisr_dispatch_src(11, source, Self.packet(interface))
            while !engine.isDrained { for cpu in 0..<4 { engine.runWorker(cpu) } }
          }
        }
        observer?.end()
        netisr_dispatch_src(11, 0, Self.packet(interface))
        while !engine.isDrained { for cpu in 0..<4 { engine.runWorker(cpu) } }
      }
      #expect(engine.mbufStatistics.mbufs.inFlight == 0)
      return engine.workstreamStatistics().flatMap(\.work).map {
        [UInt64($0.proto), $0.dispatched, $0.hybridDispatched, $0.queued, $0.handled, UInt64($0.watermark)]
      }
    }
    let (with, without) = (try figures(observed: true), try figures(observed: false))
    #expect(with == without)
  }
}
