import Glibc
import Logging
import NetISR
import PacketIO
import TestSupport
import Testing

@testable import ControlPlane

/// A plugin's code that never returns takes the thread that brings packets with it; another one goes on with the next packet.
@Suite(.serialized, .enabled(if: CPlugin.sanitizer == nil, "skipped: the sanitizer stands in front of the library"))
struct LostSourceTests {
  /// A host in which an "ip" never returns from its third packet, beside the shipped protocols. At the end, the one
  /// packet is all that is missing.
  private func withStuckHost(_ dispatch: Host.GlobalDispatch, _ body: (Host) throws -> Void) throws {
    try Fixtures.withTemporaryDirectory { folder in
      let file = folder + "/ip.so"
      try CPlugin.compile(CPlugin.stuck(atPacket: 3), to: file)
      var configuration = Host.Configuration()
      configuration.threads = 2
      configuration.dispatch = dispatch
      let host = try Host(configuration, logger: Logger(label: "lost") { _ in SwiftLogNoOpLogHandler() })
      host.engine.watchdogBound = 20_000_000
      for name in Fixtures.protocols where name != "ip" { _ = try host.load(Fixtures.plugin(name)) }
      _ = try host.load(file)
      let result = Result { try body(host) }
      host.drain()
      let balance = host.engine.conservation()
      #expect(balance.isBalanced && balance.queued == 0, "\(balance)")
      #expect(balance.dropped.allSatisfy { [.fault, .noproto].contains($0.reason) }, "\(balance.dropped)")
      #expect(host.stop() == 1)
      try result.get()
    }
  }

  private func eventually(_ condition: () -> Bool) -> Bool {
    for _ in 0..<3000 where !condition() { usleep(10_000) }
    return condition()
  }

  private static let dispatches: [Host.GlobalDispatch] = [.direct, .hybrid]

  @Test(arguments: dispatches, ["", "&pair"])
  func anInterfaceGoesOn(_ dispatch: Host.GlobalDispatch, _ pair: String) throws {
    try withStuckHost(dispatch) { host in
      let text = "file:\(Fixtures.root)/Samples/ethernet.pcap?loop\(pair)"
      try host.start(InterfaceArgument(parsing: text), isPatient: false)
      #expect(eventually { host.faultList().faults.contains { $0.summary == "never returned" } })
      let fault = try #require(host.faultList().faults.last)
      // The interface's own, or a worker's: of a pair, and where it came first.
      let outcome = fault.outcome ?? ""
      #expect(outcome.hasPrefix("its thread is lost; "), "\(outcome)")
      #expect(outcome.contains("goes on with another thread"), "\(outcome)")
      if dispatch == .direct && pair.isEmpty { #expect(outcome.contains("file0 goes on")) }
      // It has many passes, and none of the other protocols' packets are missing in any of them.
      let before = host.interfaceSummaries().first?.frames ?? 0
      #expect(eventually { (host.interfaceSummaries().first?.frames ?? 0) > before + 10_000 })
      let arp = host.engine.counterValue(named: "arp.received") ?? 0
      #expect(eventually { (host.engine.counterValue(named: "arp.received") ?? 0) > arp })
      _ = try host.removeInterface("file0")
    }
  }

  /// Every frame of the captures is sent once, also those that the lost thread had read and not sent.
  @Test(arguments: dispatches, [false, true])
  func aReplayGoesOn(_ dispatch: Host.GlobalDispatch, _ isPaired: Bool) throws {
    let files = ["ethernet", "vlan", "cooked"].map { "\(Fixtures.root)/Samples/\($0).pcap" }
    var frames: [UInt64] = []
    for isLost in [false, true] {
      let run = { (host: Host) in
        let feeds = try files.map { file in
          (feed: try host.addFeed(CaptureSpec(path: file, passes: 3, isPaired: isPaired), isAlone: true), file: file)
        }
        let course = ReplayCourse(feeds, admission: host.admission) { _ in }
        SourceThread(name: "replay", on: host.engine, cpu: 0) { course.run(isSuccessor: $0) }.join()
        // As a replay does: until the loss has been told, too.
        host.drain()
        #expect(course.problems.isEmpty && feeds.allSatisfy { $0.feed.summary.state == "ended" })
        let now = feeds.map(\.feed.summary.frames)
        if isLost { #expect(now == frames) } else { frames = now }
      }
      if isLost {
        try withStuckHost(dispatch) { host in
          try run(host)
          #expect(host.faultList().faults.contains { $0.summary == "never returned" })
        }
      } else {
        let host = try Host(Host.Configuration(), logger: Logger(label: "lost") { _ in SwiftLogNoOpLogHandler() })
        for name in Fixtures.protocols { _ = try host.load(Fixtures.plugin(name)) }
        try run(host)
        #expect(host.stop() == 0)
      }
    }
  }
}
