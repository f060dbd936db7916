import CNetISR
import NetISR
import Testing
import TestSupport

/// arp as a station that answers: replies, and the use and defence of its addresses (RFC 826, RFC 5227).
@Suite struct ARPAnswerTests {
  private typealias ARP = ARPTests
  private typealias Station = ARPStation
  private static let us: [UInt8] = [10, 0, 0, 2]
  private static let second = ARPStation.second

  // MARK: Replies

  @Test func repliesToRequestsForItsAddresses() throws {
    let station = try Station()
    station.settle()
    station.input(ARP.packet(from: [10, 0, 0, 1], to: Self.us))
    station.input(ARP.packet(from: [10, 0, 0, 1], to: [192, 168, 7, 1]))
    #expect(
      station.recorder.take() == [
        Station.frame(2, to: ARP.alice, from: Self.us, ARP.alice, [10, 0, 0, 1]),
        Station.frame(2, to: ARP.alice, from: [192, 168, 7, 1], ARP.alice, [10, 0, 0, 1]),
      ])
    // A probe: somebody looks whether the address is free. It is not.
    station.input(ARP.packet(from: [0, 0, 0, 0], at: ARP.bob, to: Self.us))
    #expect(
      station.recorder.take() == [Station.frame(2, to: ARP.bob, from: Self.us, ARP.bob, [0, 0, 0, 0])])
    #expect(station.harness.counter("arp.txreplies") == 3)
    #expect(station.harness.mbufsInFlight == 0)
  }

  @Test func saysNothingToOthersBusiness() throws {
    let station = try Station()
    station.settle()
    station.input(ARP.packet(to: [10, 0, 0, 3]))
    station.input(ARP.packet(ARP.reply, to: Self.us))
    station.input(ARP.packet(at: Station.own, to: Self.us))
    station.input(ARP.packet(from: [0, 0, 0, 0], to: [10, 0, 0, 9]))
    // What only listens answers nobody, whatever its addresses are.
    station.interface.pointee.if_flags |= UInt32(IFNET_MONITOR)
    station.input(ARP.packet(to: Self.us))
    #expect(station.recorder.take() == [])
    #expect(station.harness.counter("arp.txreplies") == 0)
  }

  @Test func aReplyThatCanNotBeSentIsCounted() throws {
    let station = try Station()
    station.settle()
    station.recorder.answer = ENETDOWN
    station.input(ARP.packet(to: Self.us))
    #expect(station.harness.counter("arp.txfailed") == 1 && station.harness.counter("arp.txreplies") == 0)
    #expect(station.harness.mbufsInFlight == 0)
  }

  // MARK: Arrival of an address

  @Test func announcesWhatNeedsNoDetection() throws {
    let station = try Station()
    station.noteChange()
    #expect(station.recorder.take() == [], "in the next tick")
    station.pass(Station.tick)
    let both = Set([Station.announcement(Self.us), Station.announcement([192, 168, 7, 1])])
    #expect(Set(station.recorder.take()) == both)
    station.pass(2 * Self.second - Station.tick)
    #expect(station.recorder.take() == [])
    station.pass(Station.tick)
    #expect(Set(station.recorder.take()) == both)
    station.pass(60 * Self.second)
    #expect(station.recorder.take() == [], "twice is enough")
    #expect(station.harness.counter("arp.txannounces") == 4)
    // A change of something else is no arrival.
    station.noteChange()
    station.pass(5 * Self.second)
    #expect(station.recorder.take() == [])
  }

  @Test func probesBeforeItUsesAnAddress() throws {
    let station = try Station(detecting: true)
    station.setAddresses([Self.us], [24])
    station.noteChange()
    var times: [(time: UInt64, frame: [UInt8])] = []
    for tick in 1...120 as ClosedRange<UInt64> {
      station.pass(Station.tick)
      // Not ours yet: no answer.
      if times.count < 4 { station.input(ARP.packet(to: Self.us)) }
      times += station.recorder.take().map { (tick * Station.tick, $0) }
    }
    let probe = Station.probe(Self.us)
    let announcement = Station.announcement(Self.us)
    let frames = times.map(\.frame)
    #expect(Array(frames.prefix(4)) == [probe, probe, probe, announcement])
    #expect(frames.filter { $0 == announcement }.count == 2)
    guard times.count >= 4 else { return }
    #expect(times[0].time <= Self.second, "PROBE_WAIT")
    for index in 0..<2 {
      let distance = times[index + 1].time - times[index].time
      #expect(distance >= Self.second && distance <= 2 * Self.second, "PROBE_MIN, PROBE_MAX")
    }
    #expect(times[3].time - times[2].time == 2 * Self.second, "ANNOUNCE_WAIT")
    #expect(station.harness.counter("arp.txprobes") == 3)
    station.input(ARP.packet(to: Self.us))
    #expect(station.recorder.take().count == 1)
  }

  @Test(arguments: [
    ARPTests.packet(ARPTests.reply, from: [10, 0, 0, 2], at: ARPTests.bob, to: [10, 0, 0, 7]),
    ARPTests.packet(from: [10, 0, 0, 2], at: ARPTests.bob, to: [10, 0, 0, 2]),
    ARPTests.packet(from: [0, 0, 0, 0], at: ARPTests.bob, to: [10, 0, 0, 2]),
  ])
  func leavesAnAddressToWhoHasIt(claim: [UInt8]) throws {
    let station = try Station(detecting: true)
    station.setAddresses([Self.us], [24])
    station.noteChange()
    station.pass(Self.second)
    #expect(station.recorder.take() == [Station.probe(Self.us)])
    station.input(claim)
    station.pass(50 * Self.second)
    station.input(ARP.packet(to: Self.us))
    #expect(station.recorder.take() == [], "neither probed, nor announced, nor answered for")
    // It asks again after a minute; by then nobody claims it.
    station.pass(30 * Self.second)
    #expect(station.recorder.take().last == Station.announcement(Self.us))
    station.input(ARP.packet(to: Self.us))
    #expect(station.recorder.take().count == 1)
  }

  @Test func anAddressThatGoesIsUsedNoMore() throws {
    let station = try Station()
    station.settle()
    #expect(station.harness.tableCount("arp.addresses") == 2)
    station.setAddresses([[192, 168, 7, 1]], [16])
    station.noteChange()
    #expect(station.harness.tableCount("arp.addresses") == 1)
    station.input(ARP.packet(to: Self.us))
    #expect(station.recorder.take() == [])
    // With the link go the neighbours behind it; when it is back, the others are told anew.
    station.input(ARP.packet(to: [192, 168, 7, 1]))
    #expect(station.recorder.take().count == 1 && station.harness.tableCount("arp.neighbours") == 1)
    station.interface.pointee.if_flags &= ~UInt32(IFNET_UP)
    station.noteChange()
    #expect(station.harness.tableCount("arp.addresses") == 0 && station.harness.tableCount("arp.neighbours") == 0)
    station.interface.pointee.if_flags |= UInt32(IFNET_UP)
    station.noteChange()
    station.pass(Self.second)
    #expect(station.recorder.take() == [Station.announcement([192, 168, 7, 1])])
  }

  @Test func aSwapProbesNothingAgain() throws {
    let station = try Station(detecting: true)
    station.settle()
    try station.harness.reload("arp")
    station.harness.engine.runCallouts()
    station.input(ARP.packet(to: Self.us))
    station.pass(10 * Self.second)
    #expect(station.recorder.take() == [Station.frame(2, to: ARP.alice, from: Self.us, ARP.alice, [10, 0, 0, 1])])
  }

  // MARK: Defence

  @Test func defendsItsAddressButNotTooOften() throws {
    let station = try Station()
    station.settle()
    let claim = ARP.packet(from: Self.us, at: ARP.bob, to: [10, 0, 0, 9])
    station.input(claim)
    #expect(station.recorder.take() == [Station.announcement(Self.us)])
    for _ in 0..<9 {
      station.pass(Self.second)
      station.input(claim)
    }
    #expect(station.recorder.take() == [], "DEFEND_INTERVAL")
    station.pass(Self.second)
    station.input(claim)
    #expect(station.recorder.take() == [Station.announcement(Self.us)])
    #expect(station.harness.counter("arp.defended") == 2)
    #expect(station.harness.counter("arp.dupip") == 11 && station.harness.counter("arp.dropped") == 11)
    #expect(station.harness.tableCount("arp.neighbours") == 0, "nothing is learned from it")
    // And it still is ours.
    station.input(ARP.packet(to: Self.us))
    #expect(station.recorder.take().count == 1)
  }

  @Test func itsOwnMessagesComeBackUnheard() throws {
    let station = try Station(detecting: true)
    station.noteChange()
    for _ in 0..<100 {
      station.pass(Station.tick)
      // A hub, or a switch in a loop.
      for frame in station.recorder.take() { station.input(Array(frame[14...])) }
    }
    #expect(station.harness.counter("arp.dupip") == 0 && station.harness.counter("arp.txannounces") == 4)
  }
}
