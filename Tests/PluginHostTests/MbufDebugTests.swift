import CNetISR
import Foundation
import NetISR
import PluginHost
import TestSupport
import Testing

/// What a plugin may do wrong with an mbuf, and what is told of it while mbufs are checked.
private enum Abuse: String, CaseIterable, CustomTestStringConvertible {
  case doubleFree = "m_freem(m); m_freem(m); return;"
  case doubleFreeOfAPart = "(void)m_free(m); (void)m_free(m); return;"
  case freeOfAStatic = "m_freem(&not_an_mbuf); return;"
  case freeInTheMiddle = "m_freem((struct mbuf *)((char *)m + 64)); return;"
  case wildFree = "m_freem((struct mbuf *)(uintptr_t)0xdead0); return;"
  case handedOnAfterwards = "m_freem(m); (void)netisr_dispatch(11, m); return;"
  case queuedAfterwards = "m_freem(m); (void)netisr_queue(11, m); return;"
  case readAfterwards = "m_freem(m); counter_add(mine, (uint64_t)*m->m_data); return;"

  var testDescription: String { String(describing: self) }

  var summary: String {
    switch self {
    case .doubleFree, .doubleFreeOfAPart: "double free of the mbuf at 0x"
    case .freeOfAStatic, .freeInTheMiddle: "free of 0x"
    case .wildFree: "free of 0xdead0, which is no mbuf of the host"
    case .handedOnAfterwards, .queuedAfterwards: "the mbuf at 0x"
    case .readAfterwards: "SIGSEGV"
    }
  }

  var isFreed: Bool { ![.freeOfAStatic, .freeInTheMiddle, .wildFree].contains(self) }
}

/// Checks of mbufs: net.isr.mbufdebug.
@Suite(.serialized) struct MbufDebugTests {
  private static func plugin(_ wrong: String) -> String {
    mbufPlugin(
      "abuser", cases: "case '!': \(wrong)",
      extra: "static struct mbuf not_an_mbuf = {.m_type = MT_DATA};\n"
        + "__attribute__((unused)) static struct mbuf *unused(void) { return (&not_an_mbuf); }")
  }

  @Test(arguments: Abuse.allCases, Dispatch.allCases.filter { $0 != .default })
  fileprivate func anAbuseIsNamed(_ abuse: Abuse, _ dispatch: Dispatch) throws {
    let log = LogBook()
    try withTraffic(Self.plugin(abuse.rawValue), dispatch, log: log, checks: true) { _, engine, host, book in
      engine.withAttachedThread {
        for _ in 0..<10 { #expect(netisr_dispatch(12, filledPacket(".")) == 0) }
        #expect(eventually { engine.counterValue(named: "abuser.handled") == 10 })
        _ = netisr_dispatch(12, filledPacket("!"))
        #expect(eventually { !book.reports.isEmpty })
        #expect(eventually { netisr_dispatch(12, filledPacket(".")) == EPROTONOSUPPORT })
      }
      let report = try #require(book.reports.first)
      #expect(book.reports.count == 1)
      #expect(report.plugin == "abuser" && report.generation == 1)
      #expect(report.summary.hasPrefix(abuse.summary), "\(report.summary)")
      if abuse.isFreed, abuse != .readAfterwards {
        #expect(report.summary.hasSuffix(", freed by abuser generation 1"), "\(report.summary)")
      }
      if ![.handedOnAfterwards, .queuedAfterwards].contains(abuse) {
        #expect(report.place.hasPrefix("0x") == false && report.place.contains("image+0x"), "\(report.place)")
        #expect(!report.backtrace.isEmpty)
      }
      let quarantined = try #require(host.list().first { $0.name == "abuser" })
      #expect(quarantined.state == .quarantined)
      // The wrong free was not done, and the right one was. Its worker may not be done with the batch yet.
      #expect(eventually { host.list().first { $0.name == "abuser" }?.mbufs.mbufs == (abuse.isFreed ? 0 : 1) })
      #expect(log.contains("abuser: generation 1 is quarantined: "))
    }
  }

  /// As long as nobody has the mbuf, a second free of it is seen without any checks.
  @Test(arguments: [Abuse.doubleFree, .doubleFreeOfAPart], Dispatch.allCases.filter { $0 != .default })
  fileprivate func aDoubleFreeIsSeenWithoutChecks(_ abuse: Abuse, _ dispatch: Dispatch) throws {
    try withTraffic(Self.plugin(abuse.rawValue), dispatch) { _, engine, host, book in
      engine.withAttachedThread {
        _ = netisr_dispatch(12, filledPacket("!"))
        #expect(eventually { netisr_dispatch(12, filledPacket(".")) == EPROTONOSUPPORT })
      }
      #expect(eventually { !book.reports.isEmpty })
      let report = try #require(book.reports.first)
      #expect(book.reports.count == 1 && report.plugin == "abuser")
      #expect(report.summary.hasPrefix(abuse.summary), "\(report.summary)")
      #expect(host.list().first { $0.name == "abuser" }?.state == .quarantined)
    }
  }

  /// The last holder is named, and goes on: it may have been somebody else.
  @Test(
    arguments: ["m_freem(m); data[3] = 1; return;", "last = m; m_freem(m); last->m_len = 7; return;"], [false, true])
  func aLateWriteIsFoundBeforeTheMbufIsUsedAgain(_ wrong: String, _ isCluster: Bool) throws {
    let log = LogBook()
    let source = mbufPlugin(
      "writer", cases: "case '!': { volatile char *data = m->m_data; (void)data; \(wrong) }",
      extra: "static struct mbuf *volatile last;\n"
        + "__attribute__((unused)) static void *unused(void) { return ((void *)last); }")
    try withTraffic(source, .direct, log: log, checks: true) { _, engine, host, book in
      engine.withAttachedThread {
        let m = isCluster ? m_getcl(M_NOWAIT, MT_DATA, Int32(bitPattern: M_PKTHDR))! : filledPacket("!")
        if isCluster {
          memset(m.pointee.m_data, Int32(UInt8(ascii: "!")), 16)
          m.pointee.m_len = 16
          m.pointee.m_pkthdr.len = 16
        }
        #expect(netisr_dispatch(12, m) == 0)
        #expect(book.reports.isEmpty)
        // So that its turn comes, of either kind.
        for _ in 0..<600 { m_freem(m_getcl(M_NOWAIT, MT_DATA, Int32(bitPattern: M_PKTHDR))) }
      }
      #expect(eventually { !book.reports.isEmpty })
      let report = try #require(book.reports.first)
      #expect(book.reports.count == 1)
      #expect(report.summary.hasPrefix("write to 0x"), "\(report.summary)")
      #expect(
        report.summary.hasSuffix(", in an mbuf that was free, last held by writer generation 1"), "\(report.summary)")
      #expect(host.plugin(named: "writer")?.state == .serving)
      #expect(log.contains("last held by writer generation 1"))
    }
  }

  /// Switching loses and leaks nothing, whatever threads are in the middle of.
  @Test func switchedUnderLoad() throws {
    try Fixtures.withTemporaryDirectory { folder in
      try withHost(dispatch: .deferred) { engine, host in
        try CPlugin.compile(CPlugin.probe(build: 1), to: "\(folder)/probe.so")
        try host.load("\(folder)/probe.so")
        let count = CPlugin.sanitizer == nil ? 20_000 : 4_000
        DispatchQueue.concurrentPerform(iterations: 3) { number in
          guard number > 0 else {
            for turn in 0..<20 {
              engine.checksMbufs = turn % 2 == 0
              usleep(3_000)
            }
            return
          }
          engine.withAttachedThread(cpu: UInt32(number - 1)) {
            for index in 0..<count {
              while engine.room < 16 { sched_yield() }
              let m = m_getcl(M_NOWAIT, MT_DATA, Int32(bitPattern: M_PKTHDR))!
              m.pointee.m_pkthdr.flowid = UInt32(index % 16)
              m.pointee.m_pkthdr.rsstype = UInt8(M_HASHTYPE_OPAQUE)
              if index % 3 == 0 { m_freem(m) } else { #expect(netisr_dispatch(11, m) == 0) }
            }
          }
        }
        #expect(eventually { engine.isDrained })
        for checks in [false, true, false] {
          engine.checksMbufs = checks
          let statistics = engine.mbufStatistics
          #expect(statistics.mbufs.inFlight == 0 && statistics.clusters.inFlight == 0)
          #expect(statistics.mbufs.isBalanced && statistics.clusters.isBalanced)
        }
        #expect(engine.conservation().isBalanced && engine.conservation().dropped.isEmpty)
      }
    }
  }

  /// With little memory, what is kept for checks is used all the same.
  @Test func checksTakeNothingAway() {
    let engine = Engine(Engine.Configuration(cpuCount: 1, mbufLimit: 1 << 20))
    engine.checksMbufs = true
    engine.withAttachedThread {
      for _ in 0..<3 {
        var held: [UnsafeMutablePointer<mbuf>] = []
        while let m = m_get(M_NOWAIT, MT_DATA) { held.append(m) }
        #expect(held.count == (1 << 20) * 7 / 8 / Int(MSIZE))
        for m in held { m_freem(m) }
      }
    }
    #expect(engine.mbufStatistics.mbufs.isBalanced)
  }
}
