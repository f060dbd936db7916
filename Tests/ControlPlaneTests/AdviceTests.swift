@testable import ControlPlane
import Testing

/// Advice from statistics that were made up for it: each finding with the figures it goes by, and just beside them none.
@Suite struct AdviceTests {
  @Test func nothingToSay() {
    var host = Synthetic()
    host.add("ip", queued: [5000, 5200])
    #expect(host.kinds.isEmpty)
    #expect(host.advice.map(\.kind) == [.accountingOff])
    #expect(host.advice[0].command == "netisr set net.isr.accounting=1")
    host.accounting = true
    #expect(host.advice.isEmpty)
  }

  @Test func tooFewPacketsToJudge() {
    var host = Synthetic()
    host.add("arp", policy: "source", queued: [999, 0])
    #expect(host.kinds.isEmpty)
  }

  // MARK: Queues

  @Test func drops() throws {
    var host = Synthetic()
    host.add("ip", queued: [9900, 10_000]) { wsid, work in if wsid == 1 { work.qdrops = 100 } }
    let advice = try #require(host.advice.first)
    #expect(advice.kind == .queueDrops && advice.name == "ip")
    #expect(advice.command == "netisr set net.isr.proto.ip.qlimit=512")
    #expect(advice.finding.contains("100 packets") && advice.finding.contains("0.5 %"))
    #expect(advice.finding.contains("the limit is 256") && advice.finding.contains("all in workstream 1"))
    #expect(!advice.finding.contains("too slow"))
  }

  @Test func dropsOfAnOverload() throws {
    var host = Synthetic()
    host.add("ip", qlimit: 10240, queued: [5000, 5000]) { _, work in work.qdrops = 2000 }
    let advice = try #require(host.advice.first)
    #expect(advice.kind == .queueDrops && advice.command == nil, "there is no higher limit")
    #expect(advice.finding.contains("too slow"))
  }

  @Test func limitsAreRaisedAsFarAsTheHostGoes() {
    for (limit, command) in [(0, "64"), (10, "64"), (6000, "10240")] {
      var host = Synthetic()
      host.add("ip", qlimit: limit, queued: [50_000, 50_000]) { _, work in work.qdrops = 5 }
      #expect(host.advice.first?.command == "netisr set net.isr.proto.ip.qlimit=\(command)")
    }
  }

  @Test(arguments: [(204, false), (205, true), (256, true)])
  func nearTheLimit(watermark: Int, isNear: Bool) throws {
    var host = Synthetic()
    host.add("ip", queued: [5000, 5000]) { _, work in work.watermark = watermark }
    #expect(host.kinds == (isNear ? [.queueNearLimit] : []))
    if isNear { #expect(host.advice[0].command == "netisr set net.isr.proto.ip.qlimit=512") }
  }

  // MARK: Balance

  @Test(arguments: [([7400, 2600] as [UInt64], false), ([7600, 2400], true), ([2400, 7600], true)])
  func imbalanceOfTwo(queued: [UInt64], isUneven: Bool) throws {
    var host = Synthetic()
    host.add("ip", queued: queued)
    #expect(host.kinds == (isUneven ? [.imbalance, .imbalance] : []))
    guard isUneven else { return }
    #expect(host.advice[0].name == nil && host.advice[1].name == "ip")
    #expect(host.advice[0].finding.contains("7600 of 10000 packets, 76 %, where an even share among 2 is 50 %"))
    #expect(host.advice[0].finding.contains("ip has 100 % of that"))
    #expect(host.advice[1].finding.contains("a flow is never split"))
    #expect(host.advice[0].command == "netisr explain --running --summary /captures/0.pcap")
  }

  @Test func imbalanceNamesItsCause() throws {
    var host = Synthetic(threads: 4)
    host.interfaces = 2
    host.add("arp", policy: "source", flags: "---", queued: [9000, 500, 0, 0])
    host.add("ip", queued: [1000, 1000, 1000, 1000])
    let total = try #require(host.advice.first)
    #expect(total.kind == .imbalance && total.name == nil)
    #expect(total.finding.contains("arp has 90 % of that: its policy is SOURCE"))
    #expect(total.finding.contains("came in by 2 interfaces"))
    #expect(host.kinds == [.imbalance, .imbalance])
    #expect(host.advice[1].name == "arp")
  }

  /// Few packets that take long: by time, where it is known.
  @Test func imbalanceByTime() throws {
    var host = Synthetic()
    host.add("ip", queued: [5000, 5000]) { wsid, work in
      work.accounting = Synthetic.account(packets: 5000, each: wsid == 0 ? 9000 : 1000)
    }
    host.accounting = true
    let advice = try #require(host.advice.first)
    #expect(host.kinds == [.imbalance] && advice.name == nil)
    #expect(advice.finding.contains("ns of the handlers' time, 90 %"))
  }

  @Test func directDispatchOfOneSender() throws {
    var host = Synthetic(dispatch: "direct")
    host.add("ip", queued: [0, 0]) { wsid, work in
      if wsid == 0 { (work.dispatched, work.handled) = (4000, 4000) }
    }
    let advice = try #require(host.advice.first)
    #expect(host.kinds == [.imbalance])
    #expect(advice.finding.contains("direct dispatch handles packets where they are received"))
    #expect(advice.finding.contains("1 interface"))
  }

  // MARK: Placement

  @Test func allInOneWorkstream() throws {
    var host = Synthetic()
    host.add("arp", policy: "source", flags: "---", queued: [0, 2000])
    host.add("ip", queued: [5000, 4000])
    let advice = try #require(host.advice.first)
    #expect(host.kinds == [.oneWorkstream] && advice.name == "arp")
    #expect(advice.finding.contains("all 2000 packets of arp") && advice.finding.contains("went to 1"))
    #expect(advice.finding.contains("policy is SOURCE"))
    #expect(advice.command == "netisr set net.isr.proto.arp.dispatch=hybrid")
    host.dispatch = "hybrid"
    #expect(host.advice.first?.command == "netisr explain --running --summary /captures/0.pcap")
  }

  @Test(arguments: [(10.0, true), (59.0, true), (61.0, false), (400.0, false)])
  func smallHandler(cost: Double, isSmall: Bool) throws {
    var host = Synthetic()
    host.accounting = true
    host.add("ip", queued: [5000, 5000]) { _, work in work.accounting = Synthetic.account(packets: 5000, each: cost) }
    #expect(host.kinds == (isSmall ? [.smallHandler] : []))
    guard isSmall else { return }
    #expect(host.advice[0].finding.contains("\(Int(cost)) ns a packet"))
    #expect(host.advice[0].command == "netisr set net.isr.proto.ip.dispatch=direct")
  }

  /// What a protocol asked for itself keeps its order.
  @Test func smallHandlerThatWantsToBeQueued() throws {
    var host = Synthetic(dispatch: "direct")
    host.accounting = true
    host.add("ip", dispatch: "deferred", queued: [5000, 5000]) { _, work in
      work.accounting = Synthetic.account(packets: 5000, each: 10)
    }
    #expect(host.advice.map(\.command) == ["netisr set net.isr.proto.ip.dispatch=hybrid"])
  }

  @Test func tooFewTimedPackets() {
    var host = Synthetic()
    host.accounting = true
    host.add("ip", queued: [5000, 5000]) { _, work in work.accounting = Synthetic.account(packets: 10, each: 10) }
    #expect(host.advice.isEmpty)
  }

  @Test func queuedForTheOnlyWorker() throws {
    var host = Synthetic(threads: 1)
    host.add("ip", queued: [5000])
    host.add("arp", policy: "source", queued: [3000])
    host.add("own", dispatch: "deferred", queued: [2000])
    host.add("other", dispatch: "direct", queued: [0]) { _, work in (work.dispatched, work.handled) = (9000, 9000) }
    #expect(host.kinds == [.needlessQueue, .needlessQueue])
    #expect(host.advice[0].command == "netisr set net.isr.dispatch=hybrid")
    #expect(host.advice[0].finding.hasPrefix("ip, arp: 8000 packets"))
    #expect(host.advice[1].command == "netisr set net.isr.proto.own.dispatch=hybrid" && host.advice[1].name == "own")
  }

  @Test func workersThatCouldShare() throws {
    var host = Synthetic(dispatch: "direct")
    host.accounting = true
    host.add("ip", queued: [0, 0]) { wsid, work in
      guard wsid == 0 else { return }
      (work.dispatched, work.handled) = (4000, 4000)
      work.accounting = Synthetic.account(packets: 4000, each: 900)
    }
    let found = try #require(host.advice.first { $0.kind == .idleWorkers })
    #expect(found.finding.contains("900 ns a packet") && found.finding.contains("1 of 2 CPUs"))
    #expect(found.command == "netisr set net.isr.proto.ip.dispatch=hybrid")
    host.protocols[0].policy = "source"
    #expect(!host.kinds.contains(.idleWorkers), "one interface's packets can't be shared")
  }

  // MARK: Its form

  @Test func figuresInWords() {
    #expect(Adviser.percent(1, of: 3) == "33.3 %" && Adviser.percent(1, of: 2) == "50 %")
    #expect(Adviser.percent(5, of: 0) == "0 %" && Adviser.percent(1, of: 10_000) == "less than 0.1 %")
    #expect(Adviser.time(59.4) == "59 ns" && Adviser.time(12_340) == "12.3 us" && Adviser.time(20_000_000) == "20 ms")
  }
}
