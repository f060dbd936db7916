import CNetISR
import Foundation
import NetISR
import PluginHost
import TestSupport
import Testing

/// A call that is in a library for ever takes its thread with it, and nothing else. Under a sanitizer, functions of the library are
/// its own, in the host's program, and there a thread is never given up.
@Suite(.serialized, .enabled(if: CPlugin.sanitizer == nil, "skipped: the sanitizer stands in front of the library"))
struct LostThreadTests {
  /// Ways never to return.
  private enum Hang: CaseIterable {
    /// It waits for a lock that it has.
    case deadlock
    /// A search in a tree that is a circle, by the library's own comparison: no instruction of the plugin's is ever run.
    case loopInsideTheLibrary
    /// Nobody will ever write.
    case endlessRead

    var source: String {
      switch self {
      case .deadlock: "pthread_mutex_lock(&mutex); pthread_mutex_lock(&mutex);"
      case .loopInsideTheLibrary:
        """
        void *root = (void *)\(UInt(bitPattern: LostThreadTests.circle));
        (void)tfind("a", &root, (int (*)(const void *, const void *))strcmp);
        """
      case .endlessRead:
        "int ends[2]; char c; if (pipe(ends) == 0 && read(ends[0], &c, 1) == 1) counter_add(mine, 1);"
      }
    }
  }

  /// A node of tsearch(3), which is the host's, so that the search can be ended with the test: key, left, right.
  private static nonisolated(unsafe) let circle = UnsafeMutablePointer<UInt>.allocate(capacity: 3)

  private static func closeCircle() {
    circle[0] = UInt(bitPattern: strdup("b"))
    (circle[1], circle[2]) = (UInt(bitPattern: circle), 0)
  }

  private static func openCircle() { circle[1] = 0 }

  private static let before = """
    #include <search.h>
    static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
    static struct callout timer;
    static void hang(void *argument)
    {
      (void)argument;
      pthread_mutex_lock(&mutex);
      pthread_mutex_lock(&mutex);
    }
    __attribute__((used)) static void *users[] = {&mutex, &timer, hang};
    """

  /// A zoo that gives calls 20 ms: a thread is given up after some 200 ms, or 400 ms of waiting.
  private func withHangs(
    _ dispatch: Dispatch, _ handling: String, registering: String = "", _ body: (Zoo) throws -> Void
  ) throws {
    try withZoo(dispatch) { zoo in
      zoo.engine.watchdogBound = 20_000_000
      try zoo.engine.startWatchdog()
      defer { zoo.engine.stopWatchdog() }
      try zoo.load(before: Self.before, handling: handling, registering: registering)
      try body(zoo)
    }
  }

  private func lostReport(_ zoo: Zoo) throws -> FaultReport {
    #expect(eventually { zoo.faults.reports.contains { $0.fault.isThreadLost } })
    return try #require(zoo.faults.reports.first { $0.fault.isThreadLost })
  }

  /// The worker is lost with the third of six packets. Another takes its place: what the other protocol had queued comes in
  /// order, and the plugin can be replaced, and unloaded, with nobody waiting for the lost thread.
  @Test(arguments: Hang.allCases)
  private func aWorkersPlaceIsTaken(_ hang: Hang) throws {
    Self.closeCircle()
    // Its thread would take a CPU from all tests to come.
    defer { Self.openCircle() }
    try withHangs(.deferred, hang.source) { zoo in
      var flows = FlowSender()
      defer { flows.free() }
      zoo.engine.withAttachedThread {
        for first in "..!..." as String { #expect(netisr_dispatch(12, Zoo.packet(first)) == 0) }
        flows.send(200, on: zoo.engine)
      }
      let report = try lostReport(zoo)
      #expect(report.plugin == "bad" && report.proto == 12 && report.place.hasPrefix("input+0x"), "\(report.place)")
      #expect(report.fault.summary == "never returned")
      #expect(report.fault.outcome?.hasPrefix("its thread is lost; workstream") == true)
      #expect(report.fault.outcome?.hasSuffix("goes on with another thread") == true)
      #expect(zoo.log.contains("goes on with another thread"))
      zoo.engine.withAttachedThread {
        #expect(netisr_dispatch(12, Zoo.packet(".")) == EPROTONOSUPPORT)
        flows.send(2000, on: zoo.engine)
      }
      #expect(eventually { zoo.engine.isDrained })
      #expect(zoo.engine.counterValue(named: "probe.build1") == 2200 && flows.refused == 0)
      #expect(zoo.engine.counterValue(named: "probe.disorder") == 0)
      let balance = zoo.engine.conservation()
      #expect(balance.isBalanced && balance.handled == 2202, "\(balance)")
      #expect(balance.dropped.map { "\($0.reason) \($0.count)" } == ["fault 5"])
      // The one in flight is anybody's.
      #expect(zoo.engine.mbufStatistics.mbufs.inFlight == 1)

      try CPlugin.compile(zoo.source(handling: "", build: 2), to: zoo.file)
      try zoo.host.reload("bad")
      zoo.engine.withAttachedThread { #expect(netisr_dispatch(12, Zoo.packet(".")) == 0) }
      #expect(eventually { zoo.engine.isDrained })
      try zoo.engine.setWorkerCount(1)
      try zoo.expectOthersServed()
      try zoo.host.unload("bad")
      // The thread is in it.
      #expect(zoo.host.list().contains { $0.name == "bad" && $0.generation == 1 && $0.state == .quarantined })
    }
  }

  /// How a sender goes.
  private struct Sending: CustomTestStringConvertible {
    var dispatch: Dispatch
    /// Before the batch with the bad one, so that the sender is preferred under hybrid dispatch, and not only at its turn.
    var goodOnes = 0
    var isAccounted = false

    static let all = [
      Sending(dispatch: .direct), Sending(dispatch: .hybrid), Sending(dispatch: .hybrid, goodOnes: 500),
      Sending(dispatch: .direct, isAccounted: true), Sending(dispatch: .hybrid, goodOnes: 500, isAccounted: true),
    ]
    var testDescription: String {
      "\(dispatch.name)\(goodOnes > 0 ? ", preferred" : "")\(isAccounted ? ", accounted" : "")"
    }
  }

  /// A sender is lost, with the workstream that it was the executor of under hybrid dispatch.
  @Test(arguments: Sending.all, Hang.allCases)
  private func aSenderIsLeftBehind(_ sending: Sending, _ hang: Hang) throws {
    Self.closeCircle()
    defer { Self.openCircle() }
    let (dispatch, goodOnes) = (sending.dispatch, sending.goodOnes)
    try withHangs(dispatch, hang.source) { zoo in
      zoo.engine.isAccounting = sending.isAccounted
      let engine = zoo.engine
      let sender = NetISR.Thread(name: "sender") {
        engine.withAttachedThread {
          for _ in 0..<goodOnes { _ = netisr_dispatch(12, Zoo.packet(".")) }
          var batch: [UnsafeMutablePointer<mbuf>?] = "..!..".map { Zoo.packet($0) }
          _ = netisr_dispatch_batch(12, 0, &batch, 5)
        }
      }
      let report = try lostReport(zoo)
      #expect(report.fault.placeInBatch.map { [$0.number, $0.count] } == (sending.isAccounted ? [1, 1] : [3, 5]))
      let outcome = try #require(report.fault.outcome)
      #expect(outcome.hasPrefix("its thread is lost, and what that received from is served no more"))
      try zoo.expectOthersServed()
      #expect(eventually { engine.isDrained })
      let balance = engine.conservation()
      #expect(balance.isBalanced && Int(balance.handled) == 102 + goodOnes, "\(balance)")
      #expect(balance.dropped.map { "\($0.reason) \($0.count)" } == ["fault 3"])
      #expect(engine.mbufStatistics.mbufs.inFlight == 1)
      // Nobody waits for it: neither a change, nor who joins it.
      try zoo.host.unload("bad")
      #expect(!sender.join())
    }
  }

  /// A handler that dispatches directly into the one that hangs loses the packet in its hand, and not those behind it.
  @Test(arguments: [Dispatch.direct, .deferred])
  func aProtocolInBetweenLosesOnePacket(_ dispatch: Dispatch) throws {
    try withHangs(dispatch, Hang.deadlock.source) { zoo in
      let engine = zoo.engine
      try engine.setDispatchPolicy(of: 12, to: .direct)
      try CPlugin.compile(Self.relay, to: "\(zoo.folder)/relay.so", isInstrumented: false)
      try zoo.host.load("\(zoo.folder)/relay.so")
      let sender = NetISR.Thread(name: "sender") {
        engine.withAttachedThread {
          var batch: [UnsafeMutablePointer<mbuf>?] = "..!.....".map { Zoo.packet($0) }
          _ = netisr_dispatch_batch(13, 0, &batch, 8)
        }
      }
      _ = try lostReport(zoo)
      #expect(eventually { engine.isDrained })
      #expect(sender.join() == (dispatch == .deferred))
      // All but the lost one; five of them find nobody to hand on to.
      #expect(engine.counterValue(named: "relay.handled") == 8)
      let balance = engine.conservation()
      #expect(balance.isBalanced, "\(balance)")
      // Of protocol 12 the one that hangs, and those that come after; of 13 the one whose handler never returned.
      #expect(balance.dropped.map { "\($0.reason) \($0.count)" } == ["fault 7"])
      #expect(balance.handled == 2 + 7)
      try zoo.expectOthersServed()
    }
  }

  private static let relay = """
    #include <CNetISR.h>
    NETISR_PLUGIN("relay", 13, 1, 1);
    static counter_t handled;
    static void input(struct mbuf *m)
    {
      counter_add(handled, 1);
      netisr_dispatch(12, m);
    }
    int netisr_plugin_register(struct netisr_handler *nhp)
    {
      nhp->nh_name = "relay";
      nhp->nh_handler = input;
      nhp->nh_proto = 13;
      nhp->nh_policy = NETISR_POLICY_FLOW;
      return (counter_define("relay.handled", &handled));
    }
    """

  /// A batch of many packets, of several flows, that goes over both workstreams: those that its sender had not come to
  /// are dropped for the fault if they are for the one that hangs, and queued if they are not.
  @Test(arguments: [Dispatch.direct, .hybrid], [false, true])
  func aLongBatchIsLostNowhere(_ dispatch: Dispatch, _ isRelayed: Bool) throws {
    try withHangs(dispatch, Hang.deadlock.source) { zoo in
      let engine = zoo.engine
      if isRelayed {
        try engine.setDispatchPolicy(of: 12, to: .direct)
        try CPlugin.compile(Self.relay, to: "\(zoo.folder)/relay.so", isInstrumented: false)
        try zoo.host.load("\(zoo.folder)/relay.so")
      }
      let count = 200
      let sender = NetISR.Thread(name: "sender") {
        engine.withAttachedThread {
          var batch: [UnsafeMutablePointer<mbuf>?] = (0..<count).map { index in
            Zoo.packet(index == 70 ? "!" : ".", flow: UInt32(index % 2))
          }
          _ = netisr_dispatch_batch(isRelayed ? 13 : 12, 0, &batch, UInt32(count))
        }
      }
      _ = try lostReport(zoo)
      #expect(eventually { engine.isDrained })
      #expect(!sender.join())
      let balance = engine.conservation()
      #expect(balance.isBalanced, "\(balance)")
      #expect(balance.dropped.map(\.reason) == [.fault])
      let dropped = balance.dropped.reduce(0) { $0 + Int($1.count) }
      if isRelayed {
        #expect(engine.counterValue(named: "relay.handled") == UInt64(count))
        // Each relayed packet is one more; of protocol 13 only the one whose handler never returned is lost.
        #expect(Int(balance.handled) + dropped == 2 * count)
      } else {
        #expect(Int(balance.handled) + dropped == count)
      }
      #expect(engine.mbufStatistics.mbufs.inFlight == 1)
      try zoo.expectOthersServed()
    }
  }

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
      let report = try lostReport(zoo)
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
    try withHangs(.direct, Hang.deadlock.source) { zoo in
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
      let report = try lostReport(zoo)
      #expect(report.plugin == "policy" && report.fault.outcome?.hasSuffix("goes on with another thread") == true)
      #expect(eventually { engine.isDrained })
      let balance = engine.conservation()
      #expect(balance.isBalanced && balance.handled >= 1, "\(balance)")
      #expect(engine.mbufStatistics.mbufs.inFlight == 0)
      try zoo.expectOthersServed()
    }
  }

  /// Should it ever come out, it finds that it is nobody's: it ends, having touched nothing.
  @Test func aThreadThatComesBackEnds() throws {
    try withHangs(.deferred, Hang.deadlock.source) { zoo in
      zoo.engine.withAttachedThread { #expect(netisr_dispatch(12, Zoo.packet("!")) == 0) }
      let report = try lostReport(zoo)
      let handled = zoo.engine.counterValue(named: "bad.handled")
      #expect(FileManager.default.fileExists(atPath: "/proc/self/task/\(report.fault.thread)"))
      // futex(2): rdi is the word, which is the mutex's first.
      let word = try #require(report.fault.registers.first { $0.name == "rdi" }?.value)
      pthread_mutex_unlock(UnsafeMutablePointer(bitPattern: word)!)
      #expect(eventually { !FileManager.default.fileExists(atPath: "/proc/self/task/\(report.fault.thread)") })
      #expect(zoo.engine.counterValue(named: "bad.handled") == handled)
      try zoo.expectOthersServed()
      #expect(zoo.engine.conservation().isBalanced)
    }
  }

  @Test func aTimerThatNeverReturnsIsLeftBehind() throws {
    let timer = "callout_init(&timer, 0); callout_reset(&timer, 1000000, hang, NULL);"
    try withHangs(.deferred, "", registering: timer) { zoo in
      #expect(try lostReport(zoo).proto == 12)
      zoo.engine.withAttachedThread { #expect(netisr_dispatch(12, Zoo.packet(".")) == EPROTONOSUPPORT) }
      try zoo.expectOthersServed()
      try zoo.host.unload("bad")
      #expect(zoo.engine.conservation().isBalanced)
    }
  }

  @Test(arguments: Dispatch.allCases.filter { $0 != .default })
  func aRegistrationThatNeverReturnsIsRefused(_ dispatch: Dispatch) throws {
    try withHangs(dispatch, "") { zoo in
      let source = zoo.source(before: Self.before, handling: "", registering: "hang(NULL);")
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
      try zoo.load(before: Self.before + "\n" + unregister, handling: "")
      try zoo.host.unload("bad")
      #expect(zoo.host.list().first { $0.name == "bad" }?.reasons == ["netisr_plugin_unregister never returned"])
      try zoo.expectOthersServed()
    }
  }
}
