import Foundation
import NetISR
import PluginHost
import Testing
import TestSupport

/// Callouts of plugins that come and go.
@Suite struct CalloutPluginTests {
  /// A plugin that ticks: each millisecond it counts in "probe.ticks<build>" and arms itself anew. It begins in its
  /// registration.
  static func ticker(build: Int, failing: Bool = false) -> String {
    CPlugin.probe(
      build: build,
      extra: """
        static counter_t ticks, refused;
        static struct callout timer, loose;
        static void tick(void *arg)
        {
          (void)arg;
          counter_add(ticks, 1);
          /* Thrown away: the host knows it all the same. */
          callout_init(&loose, 0);
          callout_reset(&loose, 3600ull * 1000000000, tick, NULL);
          /* From here on another thread may be in here. */
          if (callout_reset_on(&timer, 1000000, tick, NULL, 1) < 0)
            counter_add(refused, 1);
        }
        void netisr_plugin_unregister(void)
        {
          if (callout_reset(&timer, 0, tick, NULL) == -1)
            counter_add(refused, 1);
        }
        """,
      registration: """
        if ((error = counter_define("probe.ticks\(build)", &ticks)) != 0 ||
            (error = counter_define("probe.refused", &refused)) != 0)
          return (error);
        callout_init(&timer, 0);
        if (callout_reset(&timer, 0, tick, NULL) != 0)
          return (EIO);
        \(failing ? "for (volatile int i = 0; i < 20000000; i++) { } return (EBUSY);" : "")
        """)
  }

  private func ticks(_ engine: Engine, _ build: Int) -> UInt64 {
    engine.counterValue(named: "probe.ticks\(build)") ?? 0
  }

  @Test func calloutsGoWithTheirPlugin() throws {
    try Fixtures.withTemporaryDirectory { folder in
      try CPlugin.compile(Self.ticker(build: 1), to: "\(folder)/1.so")
      try withHost { engine, host in
        for round in 1...5 as ClosedRange<UInt64> {
          try host.load("\(folder)/1.so")
          let before = ticks(engine, 1)
          #expect(eventually { ticks(engine, 1) > before + 3 }, "they begin when it serves, without a packet")
          try host.unload("probe")
          // Its code is unmapped: whatever were still called would fault.
          let after = ticks(engine, 1)
          usleep(10_000)
          #expect(ticks(engine, 1) == after)
          #expect(engine.counterValue(named: "probe.refused")! >= round, "unregistering can't arm")
          #expect(host.list().isEmpty)
        }
      }
    }
  }

  @Test func aSwapStopsTheOldOnesAndBeginsTheNew() throws {
    try Fixtures.withTemporaryDirectory { folder in
      for build in 1...2 { try CPlugin.compile(Self.ticker(build: build), to: "\(folder)/\(build).so") }
      try withHost { engine, host in
        try host.load("\(folder)/1.so")
        #expect(eventually { ticks(engine, 1) > 3 })
        for round in 0..<20 {
          let (new, old) = round % 2 == 0 ? (2, 1) : (1, 2)
          let before = ticks(engine, new)
          try host.reload("probe", from: "\(folder)/\(new).so")
          let left = ticks(engine, old)
          #expect(eventually { ticks(engine, new) > before + 2 })
          #expect(ticks(engine, old) == left)
        }
      }
    }
  }

  @Test func ofARegistrationThatFailsNothingRuns() throws {
    try Fixtures.withTemporaryDirectory { folder in
      try CPlugin.compile(Self.ticker(build: 1), to: "\(folder)/1.so")
      try CPlugin.compile(Self.ticker(build: 2, failing: true), to: "\(folder)/2.so")
      try withHost { engine, host in
        try host.load("\(folder)/1.so")
        #expect(throws: PluginError.self) { try host.reload("probe", from: "\(folder)/2.so") }
        let before = ticks(engine, 1)
        #expect(eventually { ticks(engine, 1) > before + 3 }, "the old generation goes on")
        #expect(ticks(engine, 2) == 0)
      }
    }
  }

  @Test func whoWatchesInterfacesIsToldOfChanges() throws {
    let source = CPlugin.probe(
      build: 1,
      extra: """
        static counter_t seen;
        static void look(void *arg) { if (arg == (void *)7) counter_add(seen, 1); }
        """,
      registration: """
        if ((error = counter_define("probe.seen", &seen)) != 0 || (error = ifnet_watch(look, (void *)7)) != 0)
          return (error);
        if (ifnet_watch(NULL, NULL) != EINVAL)
          return (EIO);
        """)
    try Fixtures.withTemporaryDirectory { folder in
      try CPlugin.compile(source, to: "\(folder)/1.so")
      try withHost { engine, host in
        func seen() -> UInt64 { engine.counterValue(named: "probe.seen") ?? 0 }
        try host.load("\(folder)/1.so")
        #expect(eventually { seen() == 1 }, "once at the beginning")
        engine.noteInterfaceChange()
        #expect(eventually { seen() == 2 })
        try host.unload("probe")
        engine.noteInterfaceChange()
        usleep(5_000)
        #expect(seen() == 2)
      }
    }
  }
}
