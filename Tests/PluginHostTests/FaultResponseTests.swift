import CNetISR
import Foundation
import Logging
import NetISR
import TestSupport
import Testing

@testable import PluginHost

/// What follows a fault: net.isr.onfault.
@Suite(.serialized) struct FaultResponseTests {
  /// A plugin of protocol 12, "frail": frees each packet, but faults with those that begin with `!` if it `faults`.
  private static func source(faults: Bool, build: Int) -> String {
    """
    #include <CNetISR.h>
    NETISR_PLUGIN("frail", 12, 1, \(build));
    static counter_t mine;
    static void input(struct mbuf *m)
    {
      if (*(char *)m->m_data == '!' && \(faults ? 1 : 0))
        __builtin_trap();
      counter_add(mine, 1);
      m_freem(m);
    }
    int netisr_plugin_register(struct netisr_handler *nhp)
    {
      int error = counter_define("frail.handled\(build)", &mine);
      nhp->nh_name = "frail";
      nhp->nh_handler = input;
      nhp->nh_proto = 12;
      nhp->nh_policy = NETISR_POLICY_SOURCE;
      return (error);
    }
    """
  }

  private static func packet(_ first: Character) -> UnsafeMutablePointer<mbuf> {
    let m = m_gethdr(M_NOWAIT, MT_DATA)!
    m.pointee.m_data[0] = CChar(first.asciiValue!)
    m.pointee.m_len = 16
    m.pointee.m_pkthdr.len = 16
    return m
  }

  /// A host whose plugin "frail" comes from that folder's file.
  private func withFrail(
    _ response: FaultResponse, _ body: (_ file: String, Engine, PluginHost, LogBook) throws -> Void
  ) throws {
    let log = LogBook()
    try Fixtures.withTemporaryDirectory { folder in
      try withHost(log: log) { engine, host in
        host.faultResponse = response
        host.state.withLock { host.faultPolicy.restartDelay = 20_000_000 }
        try body("\(folder)/frail.so", engine, host, log)
      }
    }
  }

  private func compile(_ file: String, faults: Bool, build: Int) throws {
    try CPlugin.compile(Self.source(faults: faults, build: build), to: file, isInstrumented: false)
  }

  private func send(_ first: Character, _ engine: Engine) -> Int32 {
    engine.withAttachedThread { netisr_dispatch(12, Self.packet(first)) }
  }

  @Test func aFaultGoesBackToWhatServedBefore() throws {
    try withFrail(.rollback) { file, engine, host, log in
      try compile(file, faults: false, build: 1)
      try host.load(file)
      try compile(file, faults: true, build: 2)
      try host.reload("frail")
      #expect(send("!", engine) == EFAULT)
      #expect(eventually { host.plugin(named: "frail").map { $0.state == .serving && $0.generation == 3 } ?? false })
      #expect(send("!", engine) == 0 && engine.counterValue(named: "frail.handled1") == 1)
      #expect(host.list().map(\.state) == [.serving, .quarantined] && host.list()[0].faults == 1)
      #expect(engine.conservation().isBalanced)

      // Only once: what is gone back to has no predecessor of its own. It is not the bytes that faulted.
      #expect(host.distrust(host.plugin(named: "frail")?.sha256 ?? "") == nil)
      #expect(log.contains("rolled back"))
    }
  }

  @Test func withoutAPredecessorItStaysQuarantined() throws {
    try withFrail(.rollback) { file, engine, host, log in
      try compile(file, faults: true, build: 1)
      try host.load(file)
      #expect(send("!", engine) == EFAULT)
      #expect(eventually { log.contains("there is no generation to go back to") })
      #expect(send(".", engine) == EPROTONOSUPPORT)
    }
  }

  @Test func theSameCodeIsRestartedSoOften() throws {
    try withFrail(.restart) { file, engine, host, log in
      host.restartLimit = 2
      try compile(file, faults: true, build: 1)
      try host.load(file)
      for generation in 1...3 {
        #expect(
          eventually {
            host.plugin(named: "frail").map { $0.state == .serving && $0.generation == generation } ?? false
          })
        #expect(send(".", engine) == 0)
        #expect(send("!", engine) == EFAULT)
      }
      #expect(eventually { log.contains("was restarted 2 times, and stays quarantined") })
      usleep(100_000)
      #expect(host.list().map(\.state) == [.quarantined, .quarantined, .quarantined] && host.list()[0].faults == 3)
      #expect(send(".", engine) == EPROTONOSUPPORT)
      #expect(engine.conservation().isBalanced)
    }
  }

  /// Unloaded meanwhile, it does not come back.
  @Test func aRestartIsNotForWhatIsGone() throws {
    try withFrail(.restart) { file, engine, host, _ in
      try compile(file, faults: true, build: 1)
      try host.load(file)
      #expect(send("!", engine) == EFAULT)
      try host.unload("frail")
      usleep(100_000)
      #expect(host.plugin(named: "frail") == nil)
    }
  }

  /// A file with the bytes that faulted is refused, by whatever name it comes, until somebody asks for it.
  @Test func theDirectoryRefusesWhatFaulted() throws {
    try withFrail(.quarantine) { file, engine, host, _ in
      try compile(file, faults: true, build: 1)
      let directory = URL(fileURLWithPath: file).deletingLastPathComponent().path
      let watch = try PluginDirectory(directory, of: host, watching: true)
      defer { watch.stop() }
      #expect(send("!", engine) == EFAULT)
      try FileManager.default.moveItem(atPath: file, toPath: "\(directory)/.away")
      #expect(eventually { host.plugin(named: "frail") == nil })
      try FileManager.default.moveItem(atPath: "\(directory)/.away", toPath: "\(directory)/again.so")
      #expect(eventually { host.list().contains { $0.state == .refused } })
      let refused = host.list().first { $0.state == .refused }
      #expect(refused?.reasons.first?.contains("its code faulted as frail, generation 1: SIGILL") == true)
      try host.load("\(directory)/again.so")
      #expect(send(".", engine) == 0)
    }
  }
}
