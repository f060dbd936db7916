import CNetISR
import NetISR
import PluginHost
import TestSupport
import Testing

/// What `LostThreadTests` shows of handlers, of the other functions of a plugin: policies, ends of queues, timers, registration and its
/// end.
@Suite(.serialized, .enabled(if: CPlugin.sanitizer == nil, "skipped: the sanitizer stands in front of the library"))
struct LostCallbackTests {
  /// A policy's callback never returns: of its packets, the one that it was asked about is lost, and those behind it are dropped.
  @Test(arguments: [Dispatch.hybrid, .deferred], [1, 40])
  func aPolicyThatNeverReturnsIsLeftBehind(_ dispatch: Dispatch, _ count: Int) throws {
    try withHangs(dispatch, "") { zoo in
      let engine = zoo.engine
      try CPlugin.compile(Self.stuckPolicy, to: "\(zoo.folder)/policy.so", isInstrumented: false)
      try zoo.host.load("\(zoo.folder)/policy.so")
      let sender = NetISR.Thread(name: "sender") {
        engine.withAttachedThread {
          var batch: [UnsafeMutablePointer<mbuf>?] = (0..<count).map { index in
            let m = Zoo.packet(index == count / 2 ? "!" : ".")
            m.pointee.m_pkthdr.rsstype = UInt8(M_HASHTYPE_NONE)
            return m
          }
          _ = netisr_dispatch_batch(13, 0, &batch, UInt32(count))
        }
      }
      let report = try zoo.lostReport()
      #expect(report.plugin == "policy" && report.proto == 13)
      #expect(!sender.join())
      #expect(eventually { engine.isDrained })
      let balance = engine.conservation()
      #expect(balance.isBalanced && balance.handled == 0, "\(balance)")
      // None of them was queued yet.
      #expect(balance.dropped.map { "\($0.reason) \($0.count)" } == ["fault \(count)"])
      #expect(engine.mbufStatistics.mbufs.inFlight == 1)
      engine.withAttachedThread { #expect(netisr_dispatch(13, Zoo.packet(".")) == EPROTONOSUPPORT) }
      try zoo.expectOthersServed()
      try zoo.host.unload("policy")
    }
  }

  private static let stuckPolicy = """
    #include <CNetISR.h>
    #include <pthread.h>
    NETISR_PLUGIN("policy", 13, 1, 1);
    static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
    static struct mbuf *flow(struct mbuf *m, uintptr_t source)
    {
      (void)source;
      if (*(char *)m->m_data == '!') { pthread_mutex_lock(&mutex); pthread_mutex_lock(&mutex); }
      m->m_pkthdr.flowid = 1;
      m->m_pkthdr.rsstype = M_HASHTYPE_OPAQUE;
      return (m);
    }
    static void input(struct mbuf *m) { m_freem(m); }
    int netisr_plugin_register(struct netisr_handler *nhp)
    {
      nhp->nh_name = "policy";
      nhp->nh_handler = input;
      nhp->nh_m2flow = flow;
      nhp->nh_proto = 13;
      nhp->nh_policy = NETISR_POLICY_FLOW;
      return (0);
    }
    """

  /// Of what a lost thread had in its hands one is for a policy that never returns either: whoever goes on is lost with that, and the
  /// watchdog goes on to watch.
  @Test(arguments: [false, true])
  func aPolicyThatNeverReturnsInATakeOverIsLeftBehind(_ hasSuccessor: Bool) throws {
    try withHangs(.direct, Zoo.deadlock) { zoo in
      let engine = zoo.engine
      let relay = Self.stuckPolicy
        .replacingOccurrences(of: "'!'", with: "'?'").replacingOccurrences(
          of: "m_freem(m);", with: "netisr_dispatch(12, m);")
      try CPlugin.compile(relay, to: "\(zoo.folder)/policy.so", isInstrumented: false)
      try zoo.host.load("\(zoo.folder)/policy.so")
      let successors = StopMark()
      let send: @Sendable (Bool) -> Void = { isSuccessor in
        if isSuccessor { return successors.set() }
        var batch: [UnsafeMutablePointer<mbuf>?] = "..!..?..".map { first in
          let m = Zoo.packet(first)
          m.pointee.m_pkthdr.rsstype = UInt8(M_HASHTYPE_NONE)
          return m
        }
        _ = netisr_dispatch_batch(13, 0, &batch, 8)
      }
      if hasSuccessor {
        SourceThread(name: "sender", on: engine, cpu: 0, send).join()
        #expect(successors.isSet)
      } else {
        #expect(!NetISR.Thread(name: "sender") { engine.withAttachedThread { send(false) } }.join())
      }
      #expect(eventually { zoo.faults.reports.count { $0.fault.isThreadLost } == 2 })
      let told = zoo.faults.reports.map { "\($0.plugin ?? ""): \($0.summary)" }
      #expect(
        told == [
          "bad: did not return", "bad: never returned", "policy: did not return", "policy: never returned",
        ])
      #expect(eventually { engine.isDrained })
      let balance = engine.conservation()
      #expect(balance.isBalanced && balance.dropped.map(\.reason) == [.fault], "\(balance)")
      #expect(engine.mbufStatistics.mbufs.inFlight == 2)

      try zoo.host.reload("bad")
      #expect(
        !NetISR.Thread(name: "sender") { engine.withAttachedThread { _ = netisr_dispatch(12, Zoo.packet("!")) } }.join()
      )
      #expect(eventually { zoo.faults.reports.count { $0.fault.isThreadLost } == 3 })
      try zoo.expectOthersServed()
      #expect(engine.conservation().isBalanced)
    }
  }

  /// What never returns when a queue is empty takes its worker, and nothing that was handled before.
  @Test func anEndOfAQueueThatNeverReturnsIsLeftBehind() throws {
    try withHangs(.deferred, "") { zoo in
      let engine = zoo.engine
      let source = Self.stuckPolicy
        .replacingOccurrences(of: "nh_m2flow = flow;", with: "nh_drainedcpu = drained;")
        .replacingOccurrences(
          of: "static void input",
          with: """
            static void drained(unsigned int cpu)
            {
              (void)cpu; (void)flow;
              pthread_mutex_lock(&mutex);
              pthread_mutex_lock(&mutex);
            }
            static void input
            """)
      try CPlugin.compile(source, to: "\(zoo.folder)/policy.so", isInstrumented: false)
      try zoo.host.load("\(zoo.folder)/policy.so")
      engine.withAttachedThread { for _ in 0..<5 { #expect(netisr_dispatch(13, Zoo.packet(".")) == 0) } }
      let report = try zoo.lostReport()
      #expect(report.plugin == "policy" && report.fault.outcome?.hasSuffix("goes on with another thread") == true)
      #expect(eventually { engine.isDrained })
      let balance = engine.conservation()
      #expect(balance.isBalanced && balance.handled >= 1, "\(balance)")
      #expect(engine.mbufStatistics.mbufs.inFlight == 0)
      try zoo.expectOthersServed()
    }
  }

  @Test func aTimerThatNeverReturnsIsLeftBehind() throws {
    let timer = "callout_init(&timer, 0); callout_reset(&timer, 1000000, hang, NULL);"
    try withHangs(.deferred, "", registering: timer) { zoo in
      #expect(try zoo.lostReport().proto == 12)
      zoo.engine.withAttachedThread { #expect(netisr_dispatch(12, Zoo.packet(".")) == EPROTONOSUPPORT) }
      try zoo.expectOthersServed()
      try zoo.host.unload("bad")
      #expect(zoo.engine.conservation().isBalanced)
    }
  }

  @Test(arguments: Dispatch.allCases.filter { $0 != .default })
  func aRegistrationThatNeverReturnsIsRefused(_ dispatch: Dispatch) throws {
    try withHangs(dispatch, "") { zoo in
      let source = zoo.source(before: Zoo.waysToHang, handling: "", registering: "hang(NULL);")
        .replacingOccurrences(of: "bad", with: "stuck").replacingOccurrences(of: "12", with: "13")
      try CPlugin.compile(source, to: "\(zoo.folder)/stuck.so", isInstrumented: false)
      try zoo.underTraffic {
        let error = #expect(throws: PluginError.self) { try zoo.host.load("\(zoo.folder)/stuck.so") }
        #expect(error?.description.contains("netisr_plugin_register: never returned") == true)
        try zoo.host.reload("bad")
      }
    }
  }

  @Test func anEndThatNeverReturnsIsLeftBehind() throws {
    try withZoo { zoo in
      zoo.engine.watchdogBound = 20_000_000
      try zoo.engine.startWatchdog()
      defer { zoo.engine.stopWatchdog() }
      let unregister = "void netisr_plugin_unregister(void);\nvoid netisr_plugin_unregister(void) { hang(NULL); }"
      try zoo.load(before: Zoo.waysToHang + "\n" + unregister, handling: "")
      try zoo.host.unload("bad")
      #expect(zoo.host.list().first { $0.name == "bad" }?.reasons == ["netisr_plugin_unregister never returned"])
      try zoo.expectOthersServed()
    }
  }
}
