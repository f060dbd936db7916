import CNetISR
import NetISR
import Testing
import TestSupport

/// Packets that IP hands over, and the requests that are made for them.
@Suite struct ARPResolutionTests {
  private typealias ARP = ARPTests
  private typealias Station = ARPStation
  private static let us: [UInt8] = [10, 0, 0, 2]
  private static let them: [UInt8] = [10, 0, 0, 1]
  private static let second = ARPStation.second

  /// Not looked at by arp.
  private static func packet(_ number: UInt8, count: Int = 40) -> [UInt8] {
    [0x45] + [UInt8](repeating: number, count: count - 1)
  }

  private static func frame(_ packet: [UInt8], to link: [UInt8]) -> [UInt8] { link + Station.own + [8, 0] + packet }

  @Test func asksHoldsAndSendsInOrder() throws {
    let station = try Station()
    station.settle()
    for number in 1...3 as ClosedRange<UInt8> { #expect(station.output(Self.packet(number), to: Self.them) == 0) }
    #expect(station.recorder.take() == [Station.request(for: Self.them, from: Self.us)], "one request for three")
    #expect(station.harness.mbufsInFlight == 3 && station.harness.tableCount("arp.waiting") == 1)
    station.input(ARP.packet(ARP.reply, to: Self.us))
    #expect(station.recorder.take() == (1...3).map { Self.frame(Self.packet($0), to: ARP.alice) })
    #expect(station.harness.mbufsInFlight == 0 && station.harness.tableCount("arp.waiting") == 0)
    // Known now: at once.
    station.output(Self.packet(4, count: 1500), to: Self.them)
    #expect(station.recorder.take() == [Self.frame(Self.packet(4, count: 1500), to: ARP.alice)])
    #expect(station.harness.counter("arp.held") == 3 && station.harness.counter("arp.txrequests") == 5)
    station.pass(10 * Self.second)
    #expect(station.recorder.take() == [], "nobody is asked for any more")
  }

  @Test func aRequestOfTheirsIsAsGoodAsAReply() throws {
    let station = try Station()
    station.settle()
    station.output(Self.packet(1), to: Self.them)
    _ = station.recorder.take()
    station.input(ARP.packet(to: Self.us))
    #expect(
      station.recorder.take() == [
        Self.frame(Self.packet(1), to: ARP.alice), Station.frame(2, to: ARP.alice, from: Self.us, ARP.alice, Self.them),
      ])
  }

  @Test func asksFromTheAddressOnTheirNetwork() throws {
    let station = try Station()
    station.settle()
    station.output(Self.packet(1), to: [192, 168, 200, 200])
    // On no network of ours: by any address.
    station.output(Self.packet(2), to: [172, 16, 0, 1])
    #expect(
      station.recorder.take() == [
        Station.request(for: [192, 168, 200, 200], from: [192, 168, 7, 1]),
        Station.request(for: [172, 16, 0, 1], from: Self.us),
      ])
  }

  @Test func asksOnceASecondAndGivesUp() throws {
    let station = try Station()
    station.settle()
    station.output(Self.packet(1), to: Self.them)
    station.output(Self.packet(2), to: Self.them)
    let request = Station.request(for: Self.them, from: Self.us)
    #expect(station.recorder.take() == [request])
    for _ in 2...5 {
      station.pass(Self.second - Station.tick)
      #expect(station.recorder.take() == [])
      station.pass(Station.tick)
      #expect(station.recorder.take() == [request])
    }
    #expect(station.harness.counter("arp.unreachable") == 0)
    station.pass(Self.second)
    #expect(station.recorder.take() == [])
    #expect(station.harness.counter("arp.unreachable") == 2)
    #expect(station.harness.mbufsInFlight == 0 && station.harness.tableCount("arp.waiting") == 0)
    // And begins anew for another packet.
    station.output(Self.packet(3), to: Self.them)
    #expect(station.recorder.take() == [request])
  }

  @Test func holdsNoMoreThanItMay() throws {
    let station = try Station()
    station.settle()
    for number in 1...20 as ClosedRange<UInt8> { station.output(Self.packet(number), to: Self.them) }
    #expect(station.harness.counter("arp.holdfull") == 4 && station.harness.mbufsInFlight == 16)
    station.input(ARP.packet(ARP.reply, to: Self.us))
    // The first of these is the request.
    #expect(station.recorder.take().dropFirst() == (5...20).map { Self.frame(Self.packet($0), to: ARP.alice) }[...])
    // Many neighbours at once.
    for number in 0..<1100 { station.output(Self.packet(1), to: [10, 9, UInt8(number >> 8), UInt8(number & 0xff)]) }
    #expect(station.harness.counter("arp.holdfull") == 4 + 76)
    #expect(station.harness.mbufsInFlight == 1024)
    station.pass(20 * Self.second)
    #expect(station.harness.mbufsInFlight == 0)
    #expect(station.harness.counter("arp.unreachable") == 1024)
    #expect(station.harness.engine.conservation().isBalanced)
  }

  @Test func groupsNeedNoQuestion() throws {
    let station = try Station()
    station.settle()
    station.output(Self.packet(1), to: [224, 0, 0, 251])
    station.output(Self.packet(2), to: [239, 255, 1, 2])
    station.output(Self.packet(3), to: [255, 255, 255, 255])
    station.output(Self.packet(4), to: [10, 0, 0, 255])
    #expect(
      station.recorder.take() == [
        Self.frame(Self.packet(1), to: [1, 0, 0x5e, 0, 0, 251]),
        Self.frame(Self.packet(2), to: [1, 0, 0x5e, 0x7f, 1, 2]),
        Self.frame(Self.packet(3), to: Station.broadcast), Self.frame(Self.packet(4), to: Station.broadcast),
      ])
  }

  @Test func asksOnlyByAnAddressThatMayBeUsed() throws {
    let station = try Station(detecting: true)
    station.noteChange()
    station.output(Self.packet(1), to: Self.them)
    station.pass(3 * Self.second)
    #expect(!station.recorder.take().contains(Station.request(for: Self.them, from: Self.us)))
  }

  @Test func waitingPacketsSurviveASwap() throws {
    let station = try Station()
    station.settle()
    station.output(Self.packet(1), to: Self.them)
    let request = Station.request(for: Self.them, from: Self.us)
    #expect(station.recorder.take() == [request])
    try station.harness.reload("arp")
    station.harness.engine.runCallouts()
    station.pass(Self.second)
    #expect(station.recorder.take() == [request], "the new generation goes on asking")
    station.input(ARP.packet(ARP.reply, to: Self.us))
    #expect(station.recorder.take() == [Self.frame(Self.packet(1), to: ARP.alice)])
  }

  @Test func outputSaysWhatCanNotBe() throws {
    let station = try Station()
    station.settle()
    station.harness.engine.withAttachedThread {
      func make() -> UnsafeMutablePointer<mbuf> { Harness.makeChain(Self.packet(1))! }
      #expect(if_output(station.interface, make(), 5, [UInt8](repeating: 0, count: 16)) == EAFNOSUPPORT)
      #expect(if_output(station.interface, make(), 4, nil) == EINVAL)
      #expect(if_output(nil, make(), 4, Self.them) == EINVAL)
      #expect(if_output(station.harness.interface, make(), 4, Self.them) == ENXIO)
    }
    station.interface.pointee.if_flags &= ~UInt32(IFNET_UP)
    #expect(station.output(Self.packet(1), to: Self.them) == ENETDOWN)
    station.interface.pointee.if_flags |= UInt32(IFNET_UP)
    try station.harness.host.unload("arp")
    #expect(station.output(Self.packet(1), to: Self.them) == EPROTONOSUPPORT)
    #expect(station.harness.mbufsInFlight == 0)
    #expect(station.harness.engine.conservation().isBalanced)
  }
}
