import CNetISR
import Foundation
import NetISR
import PluginHost
import TestSupport
import Testing

/// A call that is in a library for ever takes its thread with it, and nothing else. Under a sanitizer, functions of the
/// library are its own, in the host's program, and there a thread is never given up.
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
      case .deadlock: Zoo.deadlock
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
      let report = try zoo.lostReport()
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
      let report = try zoo.lostReport()
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
    try withHangs(dispatch, Zoo.deadlock) { zoo in
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
      _ = try zoo.lostReport()
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
    try withHangs(dispatch, Zoo.deadlock) { zoo in
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
      _ = try zoo.lostReport()
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

  /// Should it ever come out, it finds that it is nobody's: it ends, having touched nothing; also where it goes on in
  /// the plugin's own code for ever. Nothing more is told of it, however long it hangs.
  @Test(arguments: [false, true])
  func aThreadThatComesBackEnds(_ goesOn: Bool) throws {
    try withHangs(.deferred, Zoo.deadlock + (goesOn ? "for (volatile unsigned int i = 0;; i++);" : "")) { zoo in
      zoo.engine.withAttachedThread { #expect(netisr_dispatch(12, Zoo.packet("!")) == 0) }
      let report = try zoo.lostReport()
      let handled = zoo.engine.counterValue(named: "bad.handled")
      // As long again as it took to give it up.
      usleep(500_000)
      #expect(FileManager.default.fileExists(atPath: "/proc/self/task/\(report.fault.thread)"))
      // futex(2): rdi is the word, which is the mutex's first.
      let word = try #require(report.fault.registers.first { $0.name == "rdi" }?.value)
      pthread_mutex_unlock(UnsafeMutablePointer(bitPattern: word)!)
      #expect(eventually { !FileManager.default.fileExists(atPath: "/proc/self/task/\(report.fault.thread)") })
      #expect(zoo.engine.counterValue(named: "bad.handled") == handled)
      #expect(zoo.faults.reports.map(\.summary) == ["did not return", "never returned"])
      try zoo.expectOthersServed()
      #expect(zoo.engine.conservation().isBalanced)
    }
  }
}
