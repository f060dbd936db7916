import CNetISR
import Foundation
import NetISR
import PluginHost
import TestSupport
import Testing

/// Ways for a plugin's code to end a process, and what is told of each.
private enum Misdeed: String, CaseIterable, CustomTestStringConvertible {
  case wildWrite = "*(volatile int *)(uintptr_t)0xdead0 = 1;"
  case wildRead = "counter_add(mine, *(volatile uint8_t *)(uintptr_t)~0ull);"
  case jumpToNowhere = "((void (*)(void))(uintptr_t)0x10)();"
  case trap = "__builtin_trap();"
  case division = "volatile int zero = 0; counter_add(mine, (uint64_t)(7 / zero));"
  case abort = "abort();"
  case assertion = "__assert_fail(\"m != 0\", \"bad.c\", 1, \"input\");"
  case endlessRecursion = "counter_add(mine, (uint64_t)sink(m, 0));"
  case wildCopy = "memcpy((void *)(uintptr_t)0xdead0, m, (size_t)m->m_len + 32);"
  /// Called last of all: the handler is on the stack no more.
  case wildFillAtTheEnd = "memset((void *)(uintptr_t)0xdead0, 1, (size_t)m->m_len + 32); return;"

  var testDescription: String { String(describing: self) }

  var summary: String {
    switch self {
    case .wildWrite, .wildCopy, .wildFillAtTheEnd: "SIGSEGV at 0xdead0"
    // Not canonical, or the last page: either signal, and not always the address.
    case .wildRead: "SIG"
    case .jumpToNowhere: "SIGSEGV at 0x10"
    case .trap: "SIGILL"
    case .division: "SIGFPE"
    case .abort, .assertion: "SIGABRT"
    case .endlessRecursion: "stack overflow"
    }
  }
}

/// A plugin of protocol 12, "bad": frees each packet, but for those that begin with `!`.
private func badPlugin(_ misdeed: Misdeed?, callback: String = "", build: Int = 1) -> String {
  """
  #include <CNetISR.h>
  #include <stdlib.h>
  #include <string.h>
  #include <assert.h>
  NETISR_PLUGIN("bad", 12, 1, \(build));
  static counter_t mine;
  __attribute__((noinline, optnone)) static int sink(struct mbuf *m, int depth)
  {
    volatile char room[512];
    if (depth < 0)
      return (0);
    room[depth & 511] = (char)depth;
    return (sink(m, depth + 1) + room[m->m_len & 511]);
  }
  static struct mbuf *flow(struct mbuf *m, uintptr_t source)
  {
    (void)source;
    \(callback)
    m->m_pkthdr.flowid = 0;
    m->m_pkthdr.rsstype = M_HASHTYPE_OPAQUE;
    return (m);
  }
  static void input(struct mbuf *m)
  {
    if (*(char *)m->m_data == '!') { \(misdeed?.rawValue ?? "") }
    counter_add(mine, 1);
    m_freem(m);
  }
  int netisr_plugin_register(struct netisr_handler *nhp)
  {
    int error = counter_define("bad.handled", &mine);
    if (error != 0)
      return (error);
    (void)sink;
    nhp->nh_name = "bad";
    nhp->nh_handler = input;
    nhp->nh_m2flow = flow;
    nhp->nh_proto = 12;
    nhp->nh_policy = NETISR_POLICY_FLOW;
    return (0);
  }
  """
}

/// Images of this test stay mapped: under a name that no other test looks for.
private func renamed(_ source: String) -> String { source.replacingOccurrences(of: "probe", with: "faulty") }

private func packet(_ first: Character) -> UnsafeMutablePointer<mbuf> {
  let m = m_gethdr(M_NOWAIT, MT_DATA)!
  memset(m.pointee.m_data, Int32(first.asciiValue!), 16)
  m.pointee.m_len = 16
  m.pointee.m_pkthdr.len = 16
  return m
}

/// A host, a folder for plugins, and what it tells of faults.
private func withFaults(
  _ dispatch: Dispatch = .direct, workers: Bool = true,
  _ body: (_ folder: String, Engine, PluginHost, FaultBook) throws -> Void
) throws {
  try Fixtures.withTemporaryDirectory { folder in
    let book = FaultBook()
    try withHost(dispatch: dispatch, workers: workers) { engine, host in
      host.onFault = { book.add($0) }
      try body(folder, engine, host, book)
    }
  }
}

/// A fault ends no more than the plugin that it is in.
@Suite(.serialized) struct FaultTests {
  /// Under a sanitizer, functions of the library are its own, in the host's program: a fault there is not the plugin's.
  private static let misdeeds = Misdeed.allCases.filter {
    CPlugin.sanitizer == nil || ![.wildCopy, .wildFillAtTheEnd, .abort, .assertion].contains($0)
  }

  @Test(arguments: misdeeds, Dispatch.allCases.filter { $0 != .default })
  fileprivate func theHostOutlivesAHandler(_ misdeed: Misdeed, _ dispatch: Dispatch) throws {
    try withFaults(dispatch) { folder, engine, host, faults in
      try CPlugin.compile(badPlugin(misdeed), to: "\(folder)/bad.so", isInstrumented: false)
      try CPlugin.compile(CPlugin.probe(build: 1), to: "\(folder)/probe.so")
      try host.load("\(folder)/bad.so")
      try host.load("\(folder)/probe.so")
      engine.withAttachedThread {
        for _ in 0..<10 { #expect(netisr_dispatch(12, packet(".")) == 0) }
        #expect(eventually { engine.isDrained })
        _ = netisr_dispatch(12, packet("!"))
        #expect(eventually { !faults.reports.isEmpty })
        for _ in 0..<10 { #expect(netisr_dispatch(12, packet(".")) == EPROTONOSUPPORT) }
        // The others go on.
        for _ in 0..<100 { #expect(netisr_dispatch(11, packet(".")) == 0) }
      }
      #expect(eventually { engine.isDrained })
      let balance = engine.conservation()
      #expect(balance.isBalanced)
      #expect(balance.handled == 110)
      #expect(balance.dropped.map { "\($0.reason) \($0.count)" } == ["fault 11"])

      let report = try #require(faults.reports.first)
      #expect(faults.reports.count == 1)
      #expect(report.plugin == "bad" && report.generation == 1 && report.proto == 12)
      #expect(report.fault.summary.hasPrefix(misdeed.summary), "\(report.fault.summary)")
      #expect(report.fault.packet == [UInt8](repeating: UInt8(ascii: "!"), count: 16))
      #expect(!report.fault.backtrace.isEmpty)
      #expect(host.list().first { $0.name == "bad" }?.state == .quarantined)

      // A better build takes its place.
      try CPlugin.compile(badPlugin(nil, build: 2), to: "\(folder)/bad.so", isInstrumented: false)
      try host.reload("bad")
      engine.withAttachedThread {
        for _ in 0..<10 { #expect(netisr_dispatch(12, packet("!")) == 0) }
      }
      #expect(eventually { engine.isDrained })
      #expect(engine.conservation().handled == 120)
      #expect(host.plugin(named: "bad")?.state == .serving)
      #expect(host.list().contains { $0.name == "bad" && $0.generation == 1 && $0.state == .quarantined })
      try host.unload("bad")
    }
  }

  /// In the middle of a batch: what came before is handled, what comes after is dropped and counted.
  @Test(arguments: Dispatch.allCases.filter { $0 != .default })
  func aBatchIsLostFromTheFaultOn(_ dispatch: Dispatch) throws {
    try withFaults(dispatch, workers: false) { folder, engine, host, _ in
      try CPlugin.compile(badPlugin(.trap), to: "\(folder)/bad.so", isInstrumented: false)
      try host.load("\(folder)/bad.so")
      engine.withAttachedThread {
        var batch: [UnsafeMutablePointer<mbuf>?] = (0..<20).map { packet($0 == 7 ? "!" : ".") }
        _ = netisr_dispatch_batch(12, 0, &batch, 20)
      }
      for wsid in 0..<engine.workerCount { engine.runWorker(wsid) }
      let balance = engine.conservation()
      #expect(balance.isBalanced && balance.received == 20)
      #expect(balance.handled == 7)
      #expect(balance.dropped.map { "\($0.reason) \($0.count)" } == ["fault 13"])
      // The one in flight may be anybody's; all others came back.
      #expect(engine.mbufStatistics.mbufs.inFlight == 1)
    }
  }

  @Test(arguments: Dispatch.allCases.filter { $0 != .default && $0 != .direct })
  func theHostOutlivesACallback(_ dispatch: Dispatch) throws {
    try withFaults(dispatch) { folder, engine, host, faults in
      try CPlugin.compile(
        badPlugin(nil, callback: Misdeed.wildWrite.rawValue), to: "\(folder)/bad.so", isInstrumented: false)
      try host.load("\(folder)/bad.so")
      engine.withAttachedThread {
        #expect(netisr_dispatch(12, packet(".")) == EFAULT)
        #expect(netisr_dispatch(12, packet(".")) == EPROTONOSUPPORT)
      }
      #expect(faults.summaries == ["SIGSEGV at 0xdead0"])
      #expect(engine.conservation().isBalanced)
    }
  }

  /// Unloaded, it stays mapped and is listed; its name is free.
  @Test func aQuarantinedPluginCanBeUnloaded() throws {
    try withFaults { folder, engine, host, faults in
      try CPlugin.compile(badPlugin(.trap), to: "\(folder)/bad.so", isInstrumented: false)
      try host.load("\(folder)/bad.so")
      engine.withAttachedThread { #expect(netisr_dispatch(12, packet("!")) == EFAULT) }
      try host.unload("bad")
      #expect(host.list().map(\.state) == [.quarantined])
      try host.load("\(folder)/bad.so")
      #expect(host.list().map(\.state) == [.serving, .quarantined])
      engine.withAttachedThread { #expect(netisr_dispatch(12, packet(".")) == 0) }
      #expect(faults.reports.count == 1)
    }
  }

  /// A plugin whose timer counts, and may fault at its third call.
  private static func ticking(_ misdeed: String) -> String {
    renamed(
      CPlugin.probe(
        build: 1,
        extra: """
          static counter_t ticks;
          static struct callout timer;
          static void tick(void *argument)
          {
            static int calls;
            (void)argument;
            counter_add(ticks, 1);
            callout_reset(&timer, 1000000, tick, NULL);
            if (++calls == 3) { \(misdeed) }
          }
          """,
        registration: """
          if ((error = counter_define("probe.ticks", &ticks)) != 0)
            return (error);
          callout_init(&timer, 0);
          callout_reset(&timer, 1000000, tick, NULL);
          """))
  }

  /// The protocol that it serves is quarantined, as if its handler had faulted.
  @Test func aFaultingCalloutIsTheLast() throws {
    try withFaults { folder, engine, host, faults in
      try CPlugin.compile(Self.ticking("__builtin_trap();"), to: "\(folder)/faulty.so", isInstrumented: false)
      try host.load("\(folder)/faulty.so")
      #expect(eventually { !faults.reports.isEmpty })
      usleep(50_000)
      #expect(faults.summaries == ["SIGILL"])
      #expect(faults.reports.first?.plugin == "faulty" && faults.reports.first?.proto == 11)
      #expect(engine.counterValue(named: "faulty.ticks") == 3)
      engine.withAttachedThread { #expect(netisr_dispatch(11, packet(".")) == EPROTONOSUPPORT) }
    }
  }

  /// None of its code is run again: neither its handler nor its timers.
  @Test func aFaultingHandlerEndsItsCallouts() throws {
    try withFaults { folder, engine, host, faults in
      let source = Self.ticking("").replacingOccurrences(of: "counter_add(mine, 1);", with: "__builtin_trap();")
      try CPlugin.compile(source, to: "\(folder)/faulty.so", isInstrumented: false)
      try host.load("\(folder)/faulty.so")
      #expect(eventually { engine.counterValue(named: "faulty.ticks")! > 3 })
      engine.withAttachedThread { #expect(netisr_dispatch(11, packet(".")) == EFAULT) }
      #expect(faults.reports.count == 1)
      // One may have begun before.
      usleep(20_000)
      let ticks = engine.counterValue(named: "faulty.ticks")
      usleep(50_000)
      #expect(engine.counterValue(named: "faulty.ticks") == ticks)
    }
  }

  @Test func aFaultingRegistrationIsARefusal() throws {
    try withFaults { folder, engine, host, _ in
      let source = CPlugin.probe(build: 1, registration: "*(volatile int *)(uintptr_t)0xdead0 = 1;")
      try CPlugin.compile(renamed(source), to: "\(folder)/probe.so", isInstrumented: false)
      try CPlugin.compile(renamed(CPlugin.probe(build: 2)), to: "\(folder)/good.so", isInstrumented: false)
      let error = #expect(throws: PluginError.self) { try host.load("\(folder)/probe.so") }
      #expect(
        error?.description.contains("netisr_plugin_register: SIGSEGV at 0xdead0 in netisr_plugin_register+0x") == true)
      try host.load("\(folder)/good.so")
    }
  }

  @Test func aFaultingEndIsKept() throws {
    try withFaults { folder, engine, host, faults in
      let source = CPlugin.probe(
        build: 1,
        extra: "void netisr_plugin_unregister(void);\nvoid netisr_plugin_unregister(void) { __builtin_trap(); }")
      try CPlugin.compile(renamed(source), to: "\(folder)/probe.so", isInstrumented: false)
      try host.load("\(folder)/probe.so")
      try host.unload("faulty")
      #expect(host.list().map(\.state) == [.quarantined])
      #expect(faults.summaries == ["SIGILL"])
    }
  }

  /// Many threads fault at the same time in the same handler: each recovers, and the protocol is quarantined once.
  @Test func manyThreadsFaultAtOnce() throws {
    try withFaults { folder, engine, host, faults in
      try CPlugin.compile(badPlugin(.division), to: "\(folder)/bad.so", isInstrumented: false)
      try host.load("\(folder)/bad.so")
      DispatchQueue.concurrentPerform(iterations: 8) { _ in
        engine.withAttachedThread {
          for number in 0..<1000 { _ = netisr_dispatch(12, packet(number == 500 ? "!" : ".")) }
        }
      }
      #expect((1...8).contains(faults.reports.count))
      let balance = engine.conservation()
      #expect(balance.isBalanced && balance.received == 8000)
    }
  }
}
