import CNetISR
import NetISR
import TestSupport
import Testing

/// Neighbour discovery for packets that go out (RFC 4861, section 7).
@Suite struct IP6NeighbourTests {
  private typealias Station = IP6Station
  private static let second = IP6Station.second
  private static let them = IP6.globalA
  private static let (reachable, stale, delay, probe): (UInt8, UInt8, UInt8, UInt8) = (1, 2, 3, 4)

  /// Not looked at by ip6 when it is given to a next hop.
  private static func packet(_ number: UInt8, from source: [UInt8] = Station.global) -> [UInt8] {
    IP6.packet(59, [number], from: source, to: them)
  }

  private static func toThem(_ packet: [UInt8]) -> [UInt8] { Station.frame(packet, to: ICMP6Tests.mac) }

  private static func answer(_ flags: UInt8 = 0x60, options: [UInt8] = ICMP6Tests.link(2)) -> [UInt8] {
    IP6.icmp6Packet(136, [flags, 0, 0, 0] + them + options, from: them, to: Station.global)
  }

  private static let question = Station.frame(
    Station.solicitation(them, from: Station.global), to: Station.group(Station.solicitedNode(them)))

  @Test func asksHoldsAndSendsInOrder() throws {
    let station = try Station()
    station.settle()
    for number in 1...3 as ClosedRange<UInt8> { #expect(station.output(Self.packet(number), to: Self.them) == 0) }
    #expect(station.recorder.take() == [Self.question], "one solicitation for three")
    #expect(station.harness.mbufsInFlight == 3)
    station.input(Self.answer())
    #expect(station.recorder.take() == (1...3).map { Self.toThem(Self.packet($0)) })
    #expect(station.neighbourState(Self.them) == Self.reachable)
    #expect(station.harness.mbufsInFlight == 0 && station.harness.tableCount("ip6.probes") == 0)
    station.output(Self.packet(4), to: Self.them)
    #expect(station.recorder.take() == [Self.toThem(Self.packet(4))])
    station.pass(10 * Self.second)
    #expect(station.recorder.take() == [], "nobody is asked any more")
  }

  @Test func asksThreeTimesAndGivesUp() throws {
    let station = try Station()
    station.settle()
    station.output(Self.packet(1), to: Self.them)
    station.output(Self.packet(2), to: Self.them)
    #expect(station.recorder.take() == [Self.question])
    for _ in 2...3 {
      station.pass(Self.second - Station.tick)
      #expect(station.recorder.take() == [])
      station.pass(Station.tick)
      #expect(station.recorder.take() == [Self.question])
    }
    station.pass(Self.second)
    // Nobody is told: the packets were this host's own.
    #expect(station.recorder.take() == [])
    #expect(station.harness.counter("icmp6.nd_unreachable") == 2 && station.harness.mbufsInFlight == 0)
    #expect(station.neighbourState(Self.them) == nil)
    station.output(Self.packet(3), to: Self.them)
    #expect(station.recorder.take() == [Self.question])
  }

  @Test func whoWaitedIsTold() throws {
    let station = try Station()
    station.settle()
    // Of somebody else, on its way through.
    station.meet(IP6.globalB, at: ICMP6Tests.otherMAC)
    station.output(Self.packet(1, from: IP6.globalB), to: Self.them)
    _ = station.recorder.take()
    station.pass(4 * Self.second)
    let told = station.sent().filter { $0[40] == 1 }
    #expect(
      told == [
        IP6.icmp6Packet(
          1, [0, 0, 0, 0] + Self.packet(1, from: IP6.globalB), code: 3, from: Station.global, to: IP6.globalB,
          hopLimit: 64)
      ])
  }

  @Test func aQuestionOfTheirsIsAsGoodAsAnAnswer() throws {
    let station = try Station()
    station.settle()
    station.output(Self.packet(1), to: Self.them)
    _ = station.recorder.take()
    station.input(ICMP6Tests.solicitation(Station.global, from: Self.them, to: Station.solicited))
    #expect(
      station.recorder.take() == [
        Self.toThem(Self.packet(1)), Self.toThem(Station.advertisement(Station.global, to: Self.them, flags: 0x60)),
      ])
    // Where it is has been heard, not that it hears this station.
    #expect(station.neighbourState(Self.them) == Self.delay)
  }

  @Test func anAnswerMustSayWhere() throws {
    let station = try Station()
    station.settle()
    station.output(Self.packet(1), to: Self.them)
    _ = station.recorder.take()
    station.input(Self.answer(options: []))
    #expect(station.recorder.take() == [] && station.harness.mbufsInFlight == 1)
    // Unasked: it is known, not reachable.
    station.input(
      IP6.icmp6Packet(136, [0x20, 0, 0, 0] + Self.them + ICMP6Tests.link(2), from: Self.them, to: IP6.allNodes))
    #expect(station.recorder.take() == [Self.toThem(Self.packet(1))])
    #expect(station.neighbourState(Self.them) == Self.delay)
  }

  @Test func aNeighbourIsAskedWhetherItIsStillThere() throws {
    let station = try Station()
    station.settle()
    station.meet(Self.them, at: ICMP6Tests.mac)
    // The answer to it began that already; from here on by itself.
    station.input(Self.answer())
    #expect(station.neighbourState(Self.them) == Self.reachable)
    // Reachable for 15 to 45 seconds; then, when it is sent to, it is waited for five seconds, and asked.
    station.pass(46 * Self.second)
    #expect(station.recorder.take() == [])
    station.output(Self.packet(1), to: Self.them)
    #expect(station.recorder.take() == [Self.toThem(Self.packet(1))], "at once all the same")
    #expect(station.neighbourState(Self.them) == Self.delay)
    station.pass(5 * Self.second - Station.tick)
    #expect(station.recorder.take() == [])
    station.pass(Station.tick)
    // Where it was.
    let ask = Self.toThem(Station.solicitation(Self.them, from: Station.global, to: Self.them))
    #expect(station.recorder.take() == [ask] && station.neighbourState(Self.them) == Self.probe)
    station.input(Self.answer(0x40, options: []))
    #expect(station.neighbourState(Self.them) == Self.reachable)
    station.pass(5 * Self.second)
    #expect(station.recorder.take() == [])
  }

  @Test func whoIsGoneIsForgotten() throws {
    let station = try Station()
    station.settle()
    station.meet(Self.them, at: ICMP6Tests.mac)
    let ask = Self.toThem(Station.solicitation(Self.them, from: Station.global, to: Self.them))
    station.pass(5 * Self.second)
    for _ in 1...3 {
      #expect(station.recorder.take() == [ask])
      station.output(Self.packet(1), to: Self.them)
      #expect(station.recorder.take() == [Self.toThem(Self.packet(1))])
      station.pass(Self.second)
    }
    #expect(station.neighbourState(Self.them) == nil)
    station.output(Self.packet(2), to: Self.them)
    #expect(station.recorder.take() == [Self.question])
  }

  @Test func holdsNoMoreThanItMay() throws {
    let station = try Station()
    station.settle()
    for number in 1...20 as ClosedRange<UInt8> { station.output(Self.packet(number), to: Self.them) }
    #expect(station.harness.counter("icmp6.nd_holdfull") == 4 && station.harness.mbufsInFlight == 16)
    for number in 0..<2100 { station.output(Self.packet(1), to: Array(Self.them[..<14]) + IP6.be16(0x100 + number)) }
    #expect(station.harness.counter("icmp6.nd_holdfull") == 4 + 53)
    #expect(station.harness.mbufsInFlight == 16 + 2047)
    station.pass(20 * Self.second)
    #expect(station.harness.mbufsInFlight == 0 && station.harness.tableCount("ip6.probes") == 0)
    #expect(station.harness.engine.conservation().isBalanced)
  }

  @Test func groupsNeedNoQuestion() throws {
    let station = try Station()
    station.settle()
    for group in [IP6.allNodes, IP6.group] {
      station.output(Self.packet(1), to: group)
      #expect(station.recorder.take() == [Station.frame(Self.packet(1), to: Station.group(group))])
    }
  }

  @Test func waitingPacketsSurviveASwap() throws {
    let station = try Station()
    station.settle()
    station.output(Self.packet(1), to: Self.them)
    #expect(station.recorder.take() == [Self.question])
    try station.harness.reload("ip6")
    station.harness.engine.runCallouts()
    station.pass(Self.second)
    #expect(station.recorder.take() == [Self.question], "the new generation goes on asking")
    station.input(Self.answer())
    #expect(station.recorder.take() == [Self.toThem(Self.packet(1))])
  }

  @Test func solicitationsForOthersTeachNothing() throws {
    let station = try Station()
    station.settle()
    station.input(ICMP6Tests.solicitation(IP6.globalB, from: Self.them, to: IP6.allNodes))
    #expect(station.recorder.take() == [] && station.harness.tableCount("ip6.neighbours") == 0)
  }
}
