import CNetISR
import Foundation
import Logging
import NetISR
import PluginHost
import TestSupport
import Testing

/// A plugin of protocol 12, "slow": does `misdeed` with packets that begin with `!`.
private func slowPlugin(_ misdeed: String, registration: String = "") -> String {
  """
  #define _GNU_SOURCE
  #include <CNetISR.h>
  #include <pthread.h>
  #include <stdlib.h>
  #include <string.h>
  #include <time.h>
  NETISR_PLUGIN("slow", 12, 1, 1);
  static counter_t mine;
  static volatile int never;
  static char text[512];
  static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
  static struct callout timer;
  static void burn(int ms)
  {
    struct timespec begin, now;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &begin);
    do {
      clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
    } while ((now.tv_sec - begin.tv_sec) * 1000 + (now.tv_nsec - begin.tv_nsec) / 1000000 < ms);
  }
  static void hang(void *argument)
  {
    (void)argument;
    while (!never)
      ;
  }
  static void input(struct mbuf *m)
  {
    if (*(char *)m->m_data == '!') { \(misdeed) }
    counter_add(mine, 1);
    m_freem(m);
  }
  int netisr_plugin_register(struct netisr_handler *nhp)
  {
    int error = counter_define("slow.handled", &mine);
    (void)burn; (void)hang; (void)mutex; (void)timer;
    memset(text, 'x', sizeof(text) - 1);
    \(registration)
    nhp->nh_name = "slow";
    nhp->nh_handler = input;
    nhp->nh_proto = 12;
    nhp->nh_policy = NETISR_POLICY_SOURCE;
    return (error);
  }
  """
}

private func packet(_ first: Character) -> UnsafeMutablePointer<mbuf> {
  let m = m_gethdr(M_NOWAIT, MT_DATA)!
  m.pointee.m_data[0] = CChar(first.asciiValue!)
  m.pointee.m_len = 16
  m.pointee.m_pkthdr.len = 16
  return m
}

/// A call that does not return is found, and ended where that is safe. The thread sanitizer holds signals back until a thread
/// calls it, which a loop never does.
@Suite(.serialized, .enabled(if: CPlugin.sanitizer != "thread", "skipped: the thread sanitizer holds signals back"))
struct WatchdogTests {
  private final class Reports: @unchecked Sendable {
    private let lock = NSLock()
    private var reports: [FaultReport] = []
    func add(_ report: FaultReport) { lock.withLock { reports.append(report) } }
    var all: [FaultReport] { lock.withLock { reports } }
  }

  /// A host that gives calls 50 ms, with the plugins "slow" and "probe".
  private func withSlow(
    _ misdeed: String, registration: String = "", _ dispatch: Dispatch = .direct,
    _ body: (_ file: String, Engine, PluginHost, Reports, LogBook) throws -> Void
  ) throws {
    let log = LogBook()
    try Fixtures.withTemporaryDirectory { folder in
      try withHost(dispatch: dispatch, log: log) { engine, host in
        let reports = Reports()
        host.onFault = { reports.add($0) }
        engine.watchdogBound = 50_000_000
        try engine.startWatchdog()
        defer { engine.stopWatchdog() }
        try CPlugin.compile(
          slowPlugin(misdeed, registration: registration), to: "\(folder)/slow.so", isInstrumented: false)
        try CPlugin.compile(CPlugin.probe(build: 1), to: "\(folder)/probe.so")
        try host.load("\(folder)/probe.so")
        try body("\(folder)/slow.so", engine, host, reports, log)
      }
    }
  }

  /// First it is said where it hangs, then it is ended there; the others are served before, meanwhile and after.
  @Test(arguments: Dispatch.allCases.filter { $0 != .default })
  func aLoopIsLeft(_ dispatch: Dispatch) throws {
    try withSlow("hang(NULL);", dispatch) { file, engine, host, reports, log in
      try host.load(file)
      engine.withAttachedThread {
        #expect(netisr_dispatch(12, packet(".")) == 0)
        _ = netisr_dispatch(12, packet("!"))
        for _ in 0..<100 { #expect(netisr_dispatch(11, packet(".")) == 0) }
      }
      #expect(eventually { reports.all.count == 2 })
      #expect(reports.all.map(\.fault.signalName) == ["SIGXCPU", "SIGXCPU"])
      #expect(reports.all.allSatisfy { $0.plugin == "slow" && $0.generation == 1 && $0.proto == 12 })
      #expect(log.contains("ms and does not return"))
      #expect(eventually { engine.isDrained })
      #expect(host.list().first { $0.name == "slow" }?.state == .quarantined)
      let balance = engine.conservation()
      #expect(balance.isBalanced && balance.handled == 101)
      #expect(balance.dropped.map { "\($0.reason) \($0.count)" } == ["fault 1"])
    }
  }

  /// Most of its time is spent in the C library, where it may not be ended: that is waited for.
  @Test(arguments: Dispatch.allCases.filter { $0 != .default })
  func aLoopOfLibraryCallsIsLeftBetweenThem(_ dispatch: Dispatch) throws {
    let misdeed = "while (!never) counter_add(mine, strlen(text) == 0);"
    try withSlow(misdeed, dispatch) { file, engine, host, reports, _ in
      try host.load(file)
      engine.withAttachedThread {
        _ = netisr_dispatch(12, packet("!"))
        for _ in 0..<100 { #expect(netisr_dispatch(11, packet(".")) == 0) }
      }
      #expect(eventually { host.list().first { $0.name == "slow" }?.state == .quarantined && engine.isDrained })
      #expect(engine.counterValue(named: "probe.build1") == 100)
      #expect(reports.all.last?.fault.signalName == "SIGXCPU" && reports.all.last?.plugin == "slow")
      #expect(engine.conservation().isBalanced)
    }
  }

  /// Packets that take long, each within the bound, are nobody's fault.
  @Test func slowIsNotHanging() throws {
    try withSlow("burn(10);") { file, engine, host, reports, _ in
      try host.load(file)
      engine.withAttachedThread {
        for _ in 0..<40 { #expect(netisr_dispatch(12, packet("!")) == 0) }
      }
      #expect(reports.all.isEmpty)
      #expect(host.plugin(named: "slow")?.state == .serving)
    }
  }

  @Test func aRegistrationThatLoopsIsRefused() throws {
    try withSlow("", registration: "hang(NULL);") { file, engine, host, reports, _ in
      let error = #expect(throws: PluginError.self) { try host.load(file) }
      #expect(error?.description.contains("netisr_plugin_register: did not return in ") == true, "\(error!)")
      engine.withAttachedThread { #expect(netisr_dispatch(11, packet(".")) == 0) }
    }
  }

  @Test func aTimerThatLoopsIsLeft() throws {
    let timer = "callout_init(&timer, 0); callout_reset(&timer, 1000000, hang, NULL);"
    try withSlow("", registration: timer) { file, engine, host, reports, _ in
      try host.load(file)
      #expect(eventually { reports.all.count == 2 })
      #expect(host.list().first { $0.name == "slow" }?.state == .quarantined)
      engine.withAttachedThread { #expect(netisr_dispatch(11, packet(".")) == 0) }
    }
  }

  /// A thread that waits for itself can't be helped; it is said where.
  @Test func aDeadlockIsReported() throws {
    try withSlow("pthread_mutex_lock(&mutex); pthread_mutex_lock(&mutex);") { file, engine, host, reports, log in
      try host.load(file)
      // It is given the lock in the end, so that it can be joined: the mutex is the plugin's, and lies in its image.
      let thread = Thread {
        engine.withAttachedThread { _ = netisr_dispatch(12, packet("!")) }
      }
      thread.start()
      #expect(eventually { log.contains("waits, and has not returned") })
      #expect(reports.all.count == 1 && reports.all.first?.plugin == "slow")
      // A function of the library, called by the plugin's.
      #expect(
        reports.all.first.map { $0.fault.instruction != $0.fault.pluginAddress && $0.backtrace.count >= 2 } == true)
      engine.withAttachedThread { #expect(netisr_dispatch(11, packet(".")) == 0) }
      let mutex = try #require(Self.mutexSymbol(of: reports.all.first))
      pthread_mutex_unlock(mutex)
      #expect(eventually { thread.isFinished })
    }
  }

  /// The mutex on which the thread waits: the first argument of pthread_mutex_lock(3) is in the registers.
  private static func mutexSymbol(of report: FaultReport?) -> UnsafeMutablePointer<pthread_mutex_t>? {
    // futex(2): rdi is the word, which is the mutex's first.
    let word = report?.fault.registers.first { $0.name == "rdi" }?.value ?? 0
    return UnsafeMutablePointer(bitPattern: word)
  }
}
