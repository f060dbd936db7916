import CNetISR
import Foundation
import NetISR
import PluginHost
import Testing
import TestSupport

/// `CPlugin.probe` under a name of these tests' own, which look for its images in the process: others load probes meanwhile.
private func swapPlugin(
  build: Int, stateVersion: Int = 1, extra: String = "", dispatch: String = "DEFAULT", registration: String = ""
) -> String {
  CPlugin.probe(
    build: build, stateVersion: stateVersion, extra: extra, dispatch: dispatch, registration: registration
  ).replacingOccurrences(of: "probe", with: "swapped")
}

/// Swapping a plugin while packets flow.
@Suite(.serialized) struct SwapTests {
  @Test(arguments: [Dispatch.direct, .hybrid, .deferred])
  func nothingIsLostWhileBuildsAlternate(dispatch: Dispatch) throws {
    let packets = CPlugin.sanitizer == nil ? 5_000_000 : 100_000
    let swaps = CPlugin.sanitizer == nil ? 1_000 : 50
    try Fixtures.withTemporaryDirectory { folder in
      let builds = [1, 2].map { "\(folder)/build\($0).so" }
      for (index, path) in builds.enumerated() { try CPlugin.compile(swapPlugin(build: index + 1), to: path) }
      try withHost(dispatch: dispatch) { engine, host in
        try host.load(builds[0])
        let done = Flag()
        let progress = Flag()
        let sender = NetISR.Thread(name: "sender") {
          engine.withAttachedThread(cpu: 0) {
            var flows = FlowSender()
            // At least so many packets, and until the last swap is over.
            while !done.isSet {
              flows.send(1024, on: engine)
              progress.result = (flows.sent, 0)
            }
            while !engine.isDrained { sched_yield() }
            done.result = (flows.sent, flows.refused)
            flows.free()
          }
        }
        // At least so many swaps, and as long as packets are to come.
        var swap = 0
        while swap < swaps || progress.result.0 < packets {
          swap += 1
          try host.reload("swapped", from: builds[swap % 2])
        }
        done.set()
        sender.join()

        let (sent, refused) = done.result
        let counted = ["build1", "build2"].map { engine.counterValue(named: "swapped.\($0)") ?? 0 }
        #expect(sent >= packets && swap >= swaps)
        #expect(refused == 0)
        #expect(counted[0] > 0 && counted[1] > 0, "both builds are seen: \(counted)")
        #expect(counted[0] + counted[1] == UInt64(sent), "nothing is lost or handled twice")
        #expect(engine.counterValue(named: "swapped.disorder") == 0)
        let balance = engine.conservation()
        #expect(balance.isBalanced && balance.handled == UInt64(sent) && balance.dropped.isEmpty)
        #expect(engine.mbufStatistics.mbufs.inFlight == 0)
        // Of all generations, only the last is mapped.
        #expect(host.list().map(\.generation) == [swap + 1])
        #expect(ProcessMaps.memoryFiles(prefix: "netisr:swapped#").count == 1)
        print("\(dispatch): \(sent) packets, \(swap) swaps, by build: \(counted)")
      }
      #expect(ProcessMaps.memoryFiles(prefix: "netisr:swapped#").isEmpty)
    }
  }

  @Test func aFailedSwapLeavesTheOldGenerationUntouched() throws {
    try Fixtures.withTemporaryDirectory { folder in
      let good = "\(folder)/good.so"
      try CPlugin.compile(swapPlugin(build: 1), to: good)
      let failures: [(name: String, source: String, reason: String)] = [
        ("fails", swapPlugin(build: 2, registration: "return (EBUSY);"), "returned \(EBUSY)"),
        ("proto", swapPlugin(build: 2).replacingOccurrences(of: "nh_proto = 11", with: "nh_proto = 12"), "nh_proto"),
        (
          "name", swapPlugin(build: 2).replacingOccurrences(of: "nh_name = \"swapped\"", with: "nh_name = \"other\""),
          "nh_name"
        ),
        ("policy", swapPlugin(build: 2).replacingOccurrences(of: "NETISR_POLICY_FLOW", with: "7"), "nh_policy"),
        (
          "handler",
          swapPlugin(build: 2).replacingOccurrences(of: "nh_handler = input", with: "nh_handler = 0; (void)input"),
          "nh_handler"
        ),
      ]
      try withHost { engine, host in
        try host.load(good)
        for failure in failures {
          let path = "\(folder)/\(failure.name).so"
          try CPlugin.compile(failure.source, to: path)
          let error = #expect(throws: PluginError.self) { try host.reload("swapped", from: path) }
          #expect(error?.description.contains(failure.reason) == true, "\(failure.name): \(String(describing: error))")
          engine.withAttachedThread {
            var flows = FlowSender()
            flows.send(10, on: engine)
            #expect(flows.refused == 0)
            flows.free()
          }
          #expect(host.plugin(named: "swapped")?.generation == 1)
        }
        #expect(engine.counterValue(named: "swapped.build1") == UInt64(10 * failures.count))
        #expect(host.list().filter { $0.state == .refused }.count == failures.count)
        #expect(ProcessMaps.memoryFiles(prefix: "netisr:swapped#").count == 1)
      }
    }
  }

  @Test func tablesOutliveASwapUnlessTheStateVersionChanges() throws {
    // Each build writes its own key, and counts the keys that it finds at registration.
    func source(build: Int, stateVersion: Int) -> String {
      swapPlugin(
        build: build, stateVersion: stateVersion, extra: "static struct table *t;",
        registration: """
          struct table_spec spec = { .ts_name = "swapped.seen", .ts_kind = TABLE_HASH, .ts_keysize = 4,
              .ts_valuesize = 4, .ts_maxentries = 64 };
          counter_t found;
          uint32_t key = \(build), value = \(build * 100);
          if ((error = table_open(&spec, &t)) != 0 ||
              (error = counter_define("swapped.found\(build)", &found)) != 0)
            return (error);
          counter_add(found, table_count(t, 0));
          if ((error = table_insert(t, 0, &key, &value)) != 0)
            return (error);
          """)
    }
    try Fixtures.withTemporaryDirectory { folder in
      for (build, version) in [(1, 1), (2, 1), (3, 2), (4, 2)] {
        try CPlugin.compile(source(build: build, stateVersion: version), to: "\(folder)/\(build).so")
      }
      let log = LogBook()
      try withHost(log: log) { engine, host in
        try host.load("\(folder)/1.so")
        try host.reload("swapped", from: "\(folder)/2.so")
        #expect(engine.counterValue(named: "swapped.found2") == 1, "the second generation finds what the first wrote")
        #expect(!log.contains("starts empty"))
        try host.reload("swapped", from: "\(folder)/3.so")
        #expect(engine.counterValue(named: "swapped.found3") == 0, "another state version starts empty")
        #expect(log.contains("swapped.seen: starts empty, state version 2 after 1"))
        try host.unload("swapped")
        try host.load("\(folder)/4.so")
        #expect(engine.counterValue(named: "swapped.found4") == 1, "state outlives an unload")
        // Counters survive reloads: the first generation's value is still there.
        #expect(engine.counterValue(named: "swapped.found2") == 1)
      }
    }
  }
}

/// A flag, and a result, from one thread to another.
final class Flag: @unchecked Sendable {
  private let lock = NSLock()
  private var value = false
  private var pair = (0, 0)

  var isSet: Bool { lock.withLock { value } }
  func set() { lock.withLock { value = true } }
  var result: (Int, Int) {
    get { lock.withLock { pair } }
    set { lock.withLock { pair = newValue } }
  }
}
