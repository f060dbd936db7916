import CNetISR
import Foundation
import NetISR
import PluginHost
import TestSupport
import Testing

/// Plugins that are bad in ways of their own: what the processor notices is in `FaultTests`, what takes time in `HangTests`.
@Suite(.serialized) struct ZooTests {
  /// The sanitizers' runtimes stand in front of the C library themselves.
  private static let isPlain = CPlugin.sanitizer == nil

  /// Functions of the C library that end the process, or the thread. (ending.c)
  private enum Ending: String, CaseIterable {
    case exit = "exit(3);"
    case immediateExit = "_exit(3);"
    case standardExit = "_Exit(3);"
    case quickExit = "quick_exit(3);"
    case threadExit = "pthread_exit(NULL);"

    var summary: String {
      switch self {
      case .threadExit: "called pthread_exit(0)"
      default: "called \(rawValue.dropLast())"
      }
    }
  }

  @Test(.enabled(if: isPlain), arguments: Ending.allCases, Dispatch.allCases.filter { $0 != .default })
  private func anEndingIsAFault(_ ending: Ending, _ dispatch: Dispatch) throws {
    try withZoo(dispatch) { zoo in
      try zoo.load(handling: ending.rawValue)
      try zoo.expectQuarantine()
      let report = try #require(zoo.faults.reports.first)
      #expect(report.fault.summary == ending.summary && report.place.contains("image+0x"), "\(report.place)")
      #expect(!report.fault.backtrace.isEmpty)
    }
  }

  /// It returns from munmap(2) into nothing. Its image is not given back to the dynamic linker, which would run it.
  @Test(arguments: Dispatch.allCases.filter { $0 != .default })
  func codeThatUnmapsItselfIsAFault(_ dispatch: Dispatch) throws {
    try withZoo(dispatch) { zoo in
      try zoo.load(
        before: "#include <sys/mman.h>",
        handling: "munmap((void *)((uintptr_t)input & ~(uintptr_t)4095), 4096);")
      try zoo.expectQuarantine()
      let fault = try #require(zoo.faults.reports.first).fault
      #expect(fault.signalName == "SIGSEGV" && fault.address == fault.instruction, "\(fault)")
      // Eight others, after which it would be its turn to be unmapped.
      for build in 2..<12 {
        let source = zoo.source(handling: "__builtin_trap();", build: build)
        try CPlugin.compile(source, to: zoo.file, isInstrumented: false)
        try zoo.host.reload("bad")
        _ = zoo.engine.withAttachedThread { netisr_dispatch(12, Zoo.packet("!")) }
        #expect(eventually { zoo.faults.reports.count == build })
      }
      #expect(zoo.log.contains("#1@") && zoo.log.contains("its code faulted, and it stays mapped for good"))
      #expect(zoo.host.list().contains { $0.name == "bad" && $0.generation == 1 })
      #expect(!zoo.host.list().contains { $0.name == "bad" && $0.generation == 2 })
    }
  }

  // MARK: Loading and unloading

  private static let dispatches = Dispatch.allCases.filter { $0 != .default }

  /// Megabytes of thread-local memory that every thread of the process would have to have had from its beginning.
  @Test(arguments: dispatches) func staticThreadLocalMemoryIsRefused(_ dispatch: Dispatch) throws {
    try withZoo(dispatch) { zoo in
      let source = zoo.source(
        before: "static _Thread_local volatile char mine_alone[10 << 20] __attribute__((tls_model(\"initial-exec\")));",
        handling: "mine_alone[m->m_len] = 1;")
      try CPlugin.compile(source, to: zoo.file, isInstrumented: false)
      try zoo.underTraffic {
        let error = #expect(throws: PluginError.self) { try zoo.host.load(zoo.file) }
        #expect(error?.description.contains("static TLS") == true, "\(error?.description ?? "")")
      }
    }
  }

  @Test(.enabled(if: isPlain), arguments: dispatches)
  func aThreadThatIsLeftRunningKeepsTheImage(_ dispatch: Dispatch) throws {
    try withZoo(dispatch) { zoo in
      try zoo.load(
        before: """
          #include <pthread.h>
          #include <unistd.h>
          static counter_t turns;
          static void *run(void *argument)
          {
            for (int i = 0; i < 300; i++) { counter_add(turns, 1); usleep(1000); }
            return (argument);
          }
          """, handling: "",
        registering: """
          pthread_t t;
          counter_define("bad.turns", &turns);
          pthread_create(&t, NULL, run, NULL);
          pthread_detach(t);
          """)
      try zoo.underTraffic {
        try zoo.host.unload("bad")
        let left = try #require(zoo.host.list().first { $0.name == "bad" })
        #expect(left.state == .resident)
        #expect(left.reasons.contains { $0.contains("pthread_create") })
        // It runs on in code that is there, and ends.
        usleep(400_000)
      }
    }
  }

  /// A handler for the host's own signals would take its containment away; one that stays would be a jump into nowhere.
  @Test(.enabled(if: isPlain), arguments: dispatches) func signalHandlersArePutRight(_ dispatch: Dispatch) throws {
    try withZoo(dispatch) { zoo in
      let handlers = """
        #include <signal.h>
        static void on_signal(int number) { (void)number; }
        """
      try zoo.load(
        before: handlers, handling: "signal(SIGUSR2, on_signal); m_freem(m); return;",
        registering: "signal(SIGSEGV, on_signal); signal(SIGWINCH, on_signal);")
      #expect(zoo.log.contains("bad: its code changed what the process does with SIGSEGV, SIGWINCH"))
      #expect(Self.handler(of: SIGWINCH) == 0)
      // Faults are still contained.
      try CPlugin.compile(Zoo.faulty, to: "\(zoo.folder)/worse.so", isInstrumented: false)
      try zoo.host.load("\(zoo.folder)/worse.so")
      try zoo.underTraffic {
        zoo.engine.withAttachedThread { _ = netisr_dispatch(13, Zoo.packet("!")) }
        #expect(eventually { zoo.host.list().first { $0.name == "worse" }?.state == .quarantined })

        #expect(zoo.engine.withAttachedThread { netisr_dispatch(12, Zoo.packet("!")) } == 0)
        #expect(eventually { Self.handler(of: SIGUSR2) != 0 })
        try zoo.host.unload("bad")
        #expect(zoo.log.contains("bad: its code changed what the process does with SIGUSR2"))
        #expect(Self.handler(of: SIGUSR2) == 0)
      }
    }
  }

  /// What the process does with a signal: 0 is the default.
  private static func handler(of signal: Int32) -> Int {
    var action = sigaction()
    sigaction(signal, nil, &action)
    return unsafeBitCast(action.__sigaction_handler.sa_handler, to: Int.self)
  }

  @Test(arguments: dispatches) func anEndThatFaultsIsKeptAndOthersGoOn(_ dispatch: Dispatch) throws {
    try withZoo(dispatch) { zoo in
      try zoo.load(
        before: "void netisr_plugin_unregister(void);\nvoid netisr_plugin_unregister(void) { *(volatile int *)0 = 1; }",
        handling: "")
      try zoo.underTraffic {
        try zoo.host.unload("bad")
        #expect(zoo.host.list().first { $0.name == "bad" }?.state == .quarantined)
        #expect(zoo.faults.reports.map(\.fault.summary) == ["SIGSEGV at 0x0"])
      }
    }
  }

  // MARK: The report

  /// What was changed before, what the workstream had done, and where in its batch the packet stood.
  @Test func theReportSaysWhatCameBefore() throws {
    try withZoo(.deferred, workers: false) { zoo in
      try zoo.load(handling: "__builtin_trap();")
      try zoo.engine.setQueueLimit(of: 12, to: 100)
      zoo.engine.withAttachedThread {
        for first in "..!." as String { #expect(netisr_dispatch(12, Zoo.packet(first)) == 0) }
      }
      for wsid in 0..<zoo.engine.workerCount { zoo.engine.runWorker(wsid) }
      let events = try #require(zoo.faults.reports.first).events
      #expect(events.contains { $0.hasSuffix("s before: bad (protocol 12) registered") }, "\(events)")
      #expect(events.contains { $0.hasSuffix("s before: protocol 12: queue limit 100") }, "\(events)")
      #expect(events.last == "in hand: packet 3 of a batch of 4", "\(events)")
    }
  }
}
