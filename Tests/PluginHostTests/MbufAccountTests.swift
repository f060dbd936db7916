import CNetISR
import Foundation
import NetISR
import PluginHost
import TestSupport
import Testing

/// Who holds which mbufs, and what the host keeps for whom.
@Suite(.serialized) struct MbufAccountTests {
  private static let dispatches = Dispatch.allCases.filter { $0 != .default }

  /// Keeps packets that begin with `!`; of `+` it makes a chain of two mbufs, one with a cluster, which it keeps.
  private static let leaky = mbufPlugin(
    "leaky",
    cases: """
      case '!': return;
      case '+': {
        struct mbuf *own = m_get(M_NOWAIT, MT_DATA);
        if (own != NULL)
          own->m_next = m_getcl(M_NOWAIT, MT_DATA, 0);
        break;
      }
      """)

  private static func info(_ host: PluginHost, _ name: String, _ generation: Int = 1) -> PluginInfo? {
    host.list().first { $0.name == name && $0.generation == generation }
  }

  @Test(arguments: dispatches) func aLeakIsCountedToTheLast(_ dispatch: Dispatch) throws {
    let log = LogBook()
    try withTraffic(Self.leaky, dispatch, log: log) { folder, engine, host, _ in
      engine.withAttachedThread {
        for number in 0..<40 {
          _ = netisr_dispatch(12, filledPacket(number % 4 == 0 ? "!" : number == 9 || number == 29 ? "+" : "."))
        }
        _ = netisr_dispatch(12, filledPacket("!", parts: 3))
      }
      #expect(eventually { engine.counterValue(named: "leaky.handled") == 41 })
      // 10 packets, one of three parts, and two chains of two, each with a cluster.
      var expected = MbufHolding()
      expected.mbufs = 17
      expected.clusters = 2
      #expect(eventually { Self.info(host, "leaky")?.mbufs == expected })
      // Of the other one, what it has in hand at that moment.
      #expect(eventually { Self.info(host, "probe")?.mbufs.mbufs == 0 })

      try host.unload("leaky")
      #expect(log.contains("17 mbufs are still held by leaky generation 1"))
      let gone = try #require(Self.info(host, "leaky"))
      #expect(gone.state == .unmapped && gone.mbufs == expected)

      // Another generation begins at 0.
      try host.load("\(folder)/held.so")
      #expect(Self.info(host, "leaky", 2)?.mbufs == MbufHolding())
      #expect(Self.info(host, "leaky")?.mbufs == expected)
      try host.unload("leaky")
      #expect(!log.contains("held by leaky generation 2"))
    }
  }

  /// What a generation held when another took over is its own, and the list forgets it when it is freed.
  @Test func aSwapNamesWhatIsLeft() throws {
    let log = LogBook()
    let keeper = mbufPlugin(
      "keeper", cases: "case '!': *(struct mbuf **)(uintptr_t)m->m_pkthdr.ph_loc[0] = m; return;")
    try withTraffic(keeper, .direct, log: log) { folder, engine, host, _ in
      nonisolated(unsafe) var kept: UnsafeMutablePointer<mbuf>?
      engine.withAttachedThread {
        let m = filledPacket("!")
        m.pointee.m_pkthdr.ph_loc.0 = withUnsafeMutablePointer(to: &kept) { UInt64(UInt(bitPattern: $0)) }
        #expect(netisr_dispatch(12, m) == 0)
      }
      #expect(kept != nil)
      try host.reload("keeper")
      #expect(log.contains("1 mbuf is still held by keeper generation 1"))
      #expect(Self.info(host, "keeper")?.state == .unmapped && Self.info(host, "keeper", 2)?.mbufs.mbufs == 0)
      engine.withAttachedThread { m_freem(kept) }
      #expect(Self.info(host, "keeper") == nil)
    }
  }

  /// Packets in a table are the table's, which outlives the generation that put them there.
  @Test func packetsInTablesAreNoLeak() throws {
    let log = LogBook()
    let store = mbufPlugin(
      "store",
      cases: """
        case '!':
          key = m->m_pkthdr.flowid;
          (void)table_update(held, 0, &key, put, m);
          return;
        """,
      extra: """
        static struct table *held;
        static uint32_t key;
        static int put(void *arg, const void *k, void *value, int found)
        {
          struct table_held *th = value;
          struct mbuf *m = arg;
          (void)k, (void)found;
          m->m_nextpkt = th->th_chain;
          th->th_chain = m;
          th->th_packets++;
          return (TABLE_KEEP);
        }
        """,
      registration: """
        static const struct table_spec spec = {.ts_name = "store.packets", .ts_kind = TABLE_HASH, .ts_keysize = 4,
          .ts_valuesize = 16, .ts_maxentries = 64, .ts_flags = TABLE_HOLDS_MBUFS};
        if ((error = table_open(&spec, &held)) != 0)
          return (error);
        """)
    try withTraffic(store, .direct, log: log) { _, engine, host, _ in
      engine.withAttachedThread {
        for flow in 0..<30 {
          let m = filledPacket("!", parts: 2)
          m.pointee.m_pkthdr.flowid = UInt32(flow % 10)
          #expect(netisr_dispatch(12, m) == 0)
        }
      }
      let before = try #require(Self.info(host, "store"))
      #expect(before.mbufs.mbufs == 0 && before.mbufsInTables.mbufs == 60)
      try host.reload("store")
      #expect(!log.contains("still held"))
      let after = try #require(Self.info(host, "store", 2))
      #expect(after.mbufsInTables.mbufs == 60 && after.memory.tables == before.memory.tables)
      #expect(Self.info(host, "store") == nil)
    }
  }

  /// What a handler has queued for another protocol is not its own.
  @Test func whatIsHandedOnIsNotHeld() throws {
    try Fixtures.withTemporaryDirectory { folder in
      try withHost(dispatch: .deferred, workers: false) { engine, host in
        try CPlugin.compile(
          mbufPlugin("sender", cases: "case '!': (void)netisr_queue(11, m); return;"), to: "\(folder)/sender.so")
        try CPlugin.compile(CPlugin.probe(build: 1), to: "\(folder)/probe.so")
        try host.load("\(folder)/sender.so")
        try host.load("\(folder)/probe.so")
        try engine.setDispatchPolicy(of: 12, to: .direct)
        engine.withAttachedThread { for _ in 0..<5 { #expect(netisr_dispatch(12, filledPacket("!")) == 0) } }
        #expect(!engine.isDrained)
        #expect(host.list().map(\.mbufs.mbufs) == [0, 0])
        #expect(engine.takeCensus(of: []).queued.mbufs == 5)
        for wsid in 0..<engine.workerCount { engine.runWorker(wsid) }
        #expect(engine.mbufStatistics.mbufs.inFlight == 0)
      }
    }
  }

  /// Callouts count as their plugin, also for the memory that they take.
  @Test func memoryAndCalloutsAreTheirPlugins() throws {
    let ticking = mbufPlugin(
      "ticking", cases: "",
      extra: """
        static struct callout timer;
        static counter_t ticks;
        static int left = 5;
        static void tick(void *argument)
        {
          (void)argument;
          if (left-- > 0)
            (void)m_get(M_NOWAIT, MT_DATA);
          counter_add(ticks, 1);
          (void)callout_reset(&timer, 1000000, tick, NULL);
        }
        """,
      registration: """
        static const struct table_spec spec = {.ts_name = "ticking.t", .ts_kind = TABLE_HASH, .ts_keysize = 4,
          .ts_valuesize = 16, .ts_maxentries = 64};
        static struct table *t;
        if ((error = table_open(&spec, &t)) != 0 || (error = counter_define("ticking.ticks", &ticks)) != 0)
          return (error);
        const uint32_t key = 1;
        const char value[16] = "x";
        (void)table_insert(t, 0, &key, value);
        callout_init(&timer, 0);
        (void)callout_reset(&timer, 1000000, tick, NULL);
        """)
    try withTraffic(ticking, .deferred) { _, engine, host, _ in
      engine.isAccounting = true
      #expect(eventually { (engine.counterValue(named: "ticking.ticks") ?? 0) > 20 })
      #expect(Self.info(host, "ticking")?.mbufs.mbufs == 5)
      let memory = try #require(Self.info(host, "ticking")?.memory)
      #expect(memory.tables >= 48 && memory.counters > 0 && memory.counters % 16 == 0)
      // At most one: between two, it is being called.
      #expect(eventually { (Self.info(host, "ticking")?.memory.callouts ?? 0) > 0 })
      #expect(
        eventually {
          engine.workstreamStatistics().flatMap(\.work).contains {
            guard $0.name == "ticking", let account = $0.account else { return false }
            return account.callbacks > 10 && account.callbackNanoseconds > 0
          }
        })
      engine.isAccounting = false
    }
  }
}
