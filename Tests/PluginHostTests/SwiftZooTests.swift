import CNetISR
import Foundation
import Glibc
import NetISR
import PluginHost
import TestSupport
import Testing

/// What a handler in Embedded Swift does wrong beside what `SwiftFaultTests` has, and what ends it.
private enum Misdeed: String, CaseIterable, CustomTestStringConvertible {
  case abort = "c_abort()"
  case exit = "c_exit(3)"
  case unmapsItself =
    "_ = c_munmap(UInt(bitPattern: unsafeBitCast(nhp_handler, to: UnsafeRawPointer.self)) & ~4095, 4096)"
  case endlessLoop = "while isEndless { sum &+= 1 }"
  case doubleFree = "m_freem(m); m_freem(m); return"
  case useAfterFree = "m_freem(m); sum &+= UInt(UInt8(bitPattern: m.pointee.m_data[0])); return"

  var testDescription: String { String(describing: self) }

  var summary: String {
    switch self {
    case .abort: "SIGABRT"
    case .exit: "called exit(3)"
    case .unmapsItself, .useAfterFree: "SIGSEGV"
    case .endlessLoop: "did not return"
    case .doubleFree: "double free of the mbuf at 0x"
    }
  }

  /// Whether it is found with net.isr.mbufdebug only.
  var needsChecks: Bool { self == .useAfterFree }
}

/// The zoo of `ZooTests`, `WatchdogTests`, `LostThreadTests`, `MbufDebugTests` and `LastWordsTests`, in Embedded Swift.
@Suite(.serialized, .enabled(if: SwiftPlugin.obstacle == nil, "skipped: \(SwiftPlugin.obstacle ?? "")"))
struct SwiftZooTests {
  /// A zoo that gives calls 20 ms.
  private func withWatchedZoo(_ dispatch: Dispatch, _ body: (Zoo) throws -> Void) throws {
    try withZoo(dispatch) { zoo in
      zoo.engine.watchdogBound = 20_000_000
      try zoo.engine.startWatchdog()
      defer { zoo.engine.stopWatchdog() }
      try body(zoo)
    }
  }

  @Test(arguments: Misdeed.allCases, Dispatch.allCases.filter { $0 != .default })
  private func theHostOutlivesIt(_ misdeed: Misdeed, _ dispatch: Dispatch) throws {
    try withWatchedZoo(dispatch) { zoo in
      zoo.engine.checksMbufs = misdeed.needsChecks
      try SwiftZoo.compile(
        zoo, before: "func here() {}\nlet nhp_handler: @convention(c) () -> Void = { here() }",
        handling: misdeed.rawValue)
      try zoo.host.load(zoo.file)
      // A loop is reported, and then ended.
      try zoo.expectQuarantine(reports: misdeed == .endlessLoop ? 2 : 1)
      let summary = try #require(zoo.faults.summaries.last)
      #expect(summary.hasPrefix(misdeed.summary), "\(summary)")
    }
  }

  /// A deadlock, and a loop inside of the library by its own comparison: the thread is given up.
  @Test(arguments: [false, true], Dispatch.allCases.filter { $0 != .default })
  func aThreadThatNeverComesBackIsGivenUp(_ isLoop: Bool, _ dispatch: Dispatch) throws {
    // A node of tsearch(3) that leads to itself: key, left, right.
    let circle = UnsafeMutablePointer<UInt>.allocate(capacity: 3)
    let key = UInt(bitPattern: strdup("b"))
    (circle[0], circle[1], circle[2]) = (key, UInt(bitPattern: circle), 0)
    defer { circle[1] = 0 }
    let search = """
      var root: UInt = \(UInt(bitPattern: circle))
      let (first, name): (StaticString, StaticString) = ("a", "strcmp")
      sum &+= c_tfind(UInt(bitPattern: first.utf8Start), &root, c_dlsym(0, name.utf8Start))
      """
    try withWatchedZoo(dispatch) { zoo in
      try SwiftZoo.compile(zoo, handling: isLoop ? search : "lockTwice()")
      try zoo.host.load(zoo.file)
      let engine = zoo.engine
      let sender = NetISR.Thread(name: "sender") {
        engine.withAttachedThread { for first in "..!.." as String { _ = netisr_dispatch(12, Zoo.packet(first)) } }
      }
      #expect(eventually { zoo.faults.reports.contains { $0.fault.isThreadLost } })
      #expect(zoo.faults.summaries.last == "never returned")
      #expect(sender.join() == (dispatch == .deferred))
      try zoo.expectOthersServed()
      #expect(eventually { engine.isDrained })
      let balance = engine.conservation()
      #expect(balance.isBalanced && balance.dropped.map(\.reason) == [.fault], "\(balance)")
      #expect(zoo.host.list().first { $0.name == "bad" }?.state == .quarantined)
    }
  }

  @Test(arguments: Dispatch.allCases.filter { $0 != .default })
  func aLeakIsCounted(_ dispatch: Dispatch) throws {
    try withZoo(dispatch) { zoo in
      try SwiftZoo.compile(zoo, handling: "return")
      try zoo.host.load(zoo.file)
      zoo.engine.withAttachedThread {
        for first in "!.!.!" as String { #expect(netisr_dispatch(12, Zoo.packet(first)) == 0) }
      }
      #expect(eventually { zoo.engine.isDrained })
      #expect(eventually { zoo.host.list().first { $0.name == "bad" }?.mbufs.mbufs == 3 })
      try zoo.expectOthersServed()
      try zoo.host.unload("bad")
      #expect(zoo.log.contains("3 mbufs are still held by bad generation 1"))
    }
  }

  private static let dispatches = Dispatch.allCases.filter { $0 != .default }

  @Test(arguments: dispatches) func aThreadThatIsLeftRunningKeepsTheImage(_ dispatch: Dispatch) throws {
    try withZoo(dispatch) { zoo in
      try SwiftZoo.compile(
        zoo, before: "nonisolated(unsafe) var turns = Counter()",
        registering: """
          turns = try Counter("bad.turns")
          var thread: UInt = 0
          _ = c_thread(&thread, 0, { _ in for _ in 0..<300 { turns.add(); _ = c_usleep(1000) }; return 0 }, 0)
          """)
      try zoo.host.load(zoo.file)
      try zoo.underTraffic {
        try zoo.host.unload("bad")
        let left = try #require(zoo.host.list().first { $0.name == "bad" })
        #expect(left.state == .resident && left.reasons.contains { $0.contains("pthread_create") })
        usleep(400_000)
      }
    }
  }

  @Test(arguments: dispatches) func aSignalHandlerIsPutRight(_ dispatch: Dispatch) throws {
    try withZoo(dispatch) { zoo in
      try SwiftZoo.compile(zoo, registering: "_ = c_signal(11, { _ in }); _ = c_signal(28, { _ in })")
      try zoo.host.load(zoo.file)
      #expect(zoo.log.contains("bad: its code changed what the process does with SIGSEGV, SIGWINCH"))
      try CPlugin.compile(Zoo.faulty, to: "\(zoo.folder)/worse.so")
      try zoo.host.load("\(zoo.folder)/worse.so")
      try zoo.underTraffic {
        zoo.engine.withAttachedThread { _ = netisr_dispatch(13, Zoo.packet("!")) }
        #expect(eventually { zoo.host.list().first { $0.name == "worse" }?.state == .quarantined })
      }
    }
  }

  @Test(arguments: ["while isEndless { sum &+= 1 }", "lockTwice()"], dispatches)
  func aRegistrationThatHangsIsRefused(_ hang: String, _ dispatch: Dispatch) throws {
    try withWatchedZoo(dispatch) { zoo in
      try SwiftZoo.compile(zoo, registering: hang)
      try zoo.underTraffic {
        let error = #expect(throws: PluginError.self) { try zoo.host.load(zoo.file) }
        let said = error?.description ?? ""
        #expect(
          said.contains(hang == "lockTwice()" ? "netisr_plugin_register: never returned" : "did not return in "),
          "\(said)")
      }
    }
  }

  @Test(arguments: dispatches) func anEndThatFaultsIsKeptAndOthersGoOn(_ dispatch: Dispatch) throws {
    try withZoo(dispatch) { zoo in
      try SwiftZoo.compile(
        zoo, before: "@c public func netisr_plugin_unregister() { precondition(!isEndless) }")
      try zoo.host.load(zoo.file)
      try zoo.underTraffic {
        try zoo.host.unload("bad")
        #expect(zoo.host.list().first { $0.name == "bad" }?.state == .quarantined)
        #expect(zoo.faults.summaries == ["SIGILL"])
      }
    }
  }
}
