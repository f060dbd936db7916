import CNetISR
import Foundation
import NetISR
import PluginHost
import TestSupport
import Testing

/// A host with the plugin "probe", which behaves, and a file for one that does not: "bad", of protocol 12.
struct Zoo {
  let folder: String
  let engine: Engine
  let host: PluginHost
  let faults: FaultBook
  let log: LogBook

  var file: String { "\(folder)/bad.so" }

  /// A handler that frees each packet, but does `handling` with those that begin with `!`.
  func source(before: String = "", handling: String, registering: String = "", build: Int = 1) -> String {
    """
    #define _GNU_SOURCE
    #include <CNetISR.h>
    #include <pthread.h>
    #include <stdlib.h>
    #include <string.h>
    #include <unistd.h>
    NETISR_PLUGIN("bad", 12, 1, \(build));
    static counter_t mine;
    __attribute__((visibility("default"))) void input(struct mbuf *m);
    \(before)
    void input(struct mbuf *m)
    {
      if (*(char *)m->m_data == '!') { \(handling) }
      counter_add(mine, 1);
      m_freem(m);
    }
    int netisr_plugin_register(struct netisr_handler *nhp)
    {
      int error = counter_define("bad.handled", &mine);
      \(registering)
      nhp->nh_name = "bad";
      nhp->nh_handler = input;
      nhp->nh_proto = 12;
      nhp->nh_policy = NETISR_POLICY_FLOW;
      return (error);
    }
    """
  }

  /// A plugin of protocol 13 that faults with every packet.
  static let faulty = """
    #include <CNetISR.h>
    NETISR_PLUGIN("worse", 13, 1, 1);
    static void input(struct mbuf *m) { (void)m; *(volatile int *)0 = 1; }
    int netisr_plugin_register(struct netisr_handler *nhp)
    {
      nhp->nh_name = "worse";
      nhp->nh_handler = input;
      nhp->nh_proto = 13;
      nhp->nh_policy = NETISR_POLICY_SOURCE;
      return (0);
    }
    """

  /// Compiles and loads it.
  func load(before: String = "", handling: String, registering: String = "") throws {
    try CPlugin.compile(
      source(before: before, handling: handling, registering: registering), to: file, isInstrumented: false)
    try host.load(file)
  }

  static func packet(_ first: Character, flow: UInt32 = 0) -> UnsafeMutablePointer<mbuf> {
    let m = m_gethdr(M_NOWAIT, MT_DATA)!
    memset(m.pointee.m_data, Int32(first.asciiValue!), 16)
    m.pointee.m_len = 16
    m.pointee.m_pkthdr.len = 16
    m.pointee.m_pkthdr.flowid = flow
    m.pointee.m_pkthdr.rsstype = UInt8(M_HASHTYPE_OPAQUE)
    return m
  }

  /// Sends what the handler does wrong, among others, and expects that it ends the plugin and nothing else: not a packet of
  /// the other protocol is lost.
  ///
  /// - Parameter reports: how often it is told of.
  func expectQuarantine(reports: Int = 1) throws {
    let before = engine.counterValue(named: "probe.build1") ?? 0
    var flows = FlowSender()
    defer { flows.free() }
    engine.withAttachedThread {
      for _ in 0..<10 { #expect(netisr_dispatch(12, Self.packet(".")) == 0) }
      flows.send(500, on: engine)
      #expect(eventually { engine.isDrained })
      _ = netisr_dispatch(12, Self.packet("!"))
      flows.send(500, on: engine)
      #expect(eventually { faults.reports.count == reports })
      for _ in 0..<10 { #expect(netisr_dispatch(12, Self.packet(".")) == EPROTONOSUPPORT) }
    }
    #expect(eventually { engine.isDrained })
    let balance = engine.conservation()
    #expect(balance.isBalanced && balance.handled == 1010, "\(balance)")
    #expect(balance.dropped.map { "\($0.reason) \($0.count)" } == ["fault 11"])
    #expect(flows.refused == 0 && engine.counterValue(named: "probe.build1") == before + 1000)
    #expect(engine.counterValue(named: "probe.disorder") == 0)
    #expect(faults.reports.count == reports && faults.reports.first?.plugin == "bad")
    #expect(host.list().first { $0.name == "bad" }?.state == .quarantined)
  }

  /// Runs `body` while another thread sends packets of the other protocol, of which none is lost or late.
  func underTraffic(_ body: () throws -> Void) throws {
    let before = engine.counterValue(named: "probe.build1") ?? 0
    let isOver = StopMark()
    nonisolated(unsafe) var flows = FlowSender()
    defer { flows.free() }
    let sender = NetISR.Thread(name: "traffic") { [engine] in
      engine.withAttachedThread(cpu: 1) {
        while !isOver.isSet {
          flows.send(64, on: engine)
          usleep(200)
        }
      }
    }
    let result = Result {
      #expect(eventually { engine.counterValue(named: "probe.build1") ?? 0 > before })
      try body()
    }
    isOver.set()
    sender.join()
    try result.get()
    #expect(eventually { engine.counterValue(named: "probe.build1") == before + UInt64(flows.sent) })
    #expect(flows.sent > 0 && flows.refused == 0 && engine.counterValue(named: "probe.disorder") == 0)
    #expect(eventually { engine.isDrained } && engine.conservation().isBalanced)
  }

  /// Packets of the other protocol are handled.
  func expectOthersServed() throws {
    let before = engine.counterValue(named: "probe.build1") ?? 0
    engine.withAttachedThread {
      for _ in 0..<100 { #expect(netisr_dispatch(11, Self.packet(".")) == 0) }
    }
    #expect(eventually { engine.counterValue(named: "probe.build1") == before + 100 })
  }
}

/// What a host tells of faults.
final class FaultBook: @unchecked Sendable {
  private let lock = NSLock()
  private var all: [FaultReport] = []

  func add(_ report: FaultReport) { lock.withLock { all.append(report) } }
  var reports: [FaultReport] { lock.withLock { all } }
  var summaries: [String] { reports.map(\.fault.summary) }
}

/// A zoo with worker threads.
func withZoo(_ dispatch: Dispatch = .direct, workers: Bool = true, _ body: (Zoo) throws -> Void) throws {
  let log = LogBook()
  try Fixtures.withTemporaryDirectory { folder in
    let faults = FaultBook()
    try withHost(dispatch: dispatch, workers: workers, log: log) { engine, host in
      host.onFault = { faults.add($0) }
      try CPlugin.compile(CPlugin.probe(build: 1), to: "\(folder)/probe.so")
      try host.load("\(folder)/probe.so")
      try body(Zoo(folder: folder, engine: engine, host: host, faults: faults, log: log))
    }
  }
}
