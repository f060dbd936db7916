import CNetISR
import NetISR
import TestSupport
import Testing

/// This station as a member of groups: its reports (RFC 3810), and those where an old querier is (RFC 2710).
@Suite struct IP6ListenerTests {
  private typealias Station = IP6Station
  private static let second = IP6Station.second
  private static let routers: [UInt8] = [0xff, 2] + [UInt8](repeating: 0, count: 13) + [2]

  /// MLD messages that were sent.
  private static func messages(_ station: Station) -> [[UInt8]] {
    station.sent().filter { $0[6] == 0 && [131, 132, 143].contains($0[48]) }
  }

  private static func report(
    _ type: UInt8, _ groups: [[UInt8]] = [Station.solicited], from source: [UInt8] = Station.linkLocal
  )
    -> [UInt8]
  {
    IP6.listener(143, IP6.report(groups.map { IP6.record(type, $0) }), from: source)
  }

  private static func query(_ group: [UInt8] = IP6.unspecified, delay: Int = 1000, code: [UInt8] = [2, 125]) -> [UInt8]
  {
    IP6.listener(
      130, IP6.be16(delay) + [0, 0] + group + code + [0, 0], to: group == IP6.unspecified ? IP6.allNodes : group)
  }

  private static func oldQuery(_ group: [UInt8] = IP6.unspecified, delay: Int = 1000) -> [UInt8] {
    IP6.listener(130, IP6.be16(delay) + [0, 0] + group, to: group == IP6.unspecified ? IP6.allNodes : group)
  }

  private static func old(_ type: UInt8, to destination: [UInt8] = Station.solicited) -> [UInt8] {
    IP6.listener(type, ICMP6Tests.zero + Station.solicited, from: Station.linkLocal, to: destination)
  }

  @Test func aGroupIsReportedTwice() throws {
    let station = try Station()
    station.noteChange()
    station.pass(5 * Self.second)
    #expect(Self.messages(station) == [Self.report(4), Self.report(4)])
    #expect(station.harness.counter("mld.snd_reports") == 2)
    // Both addresses have one group; ff02::1 is never reported.
    #expect(station.harness.tableCount("ip6.groups") == 2)
    // It is left with the last of them.
    Station.set([], of: station.interface)
    station.noteChange()
    station.pass(5 * Self.second)
    #expect(Self.messages(station).isEmpty)
    station.set("ip6.auto_linklocal", 0)
    station.pass(5 * Self.second)
    #expect(Self.messages(station) == [Self.report(3, from: IP6.unspecified), Self.report(3, from: IP6.unspecified)])
    #expect(station.harness.tableCount("ip6.groups") == 1)
  }

  @Test func withoutAnAddressAndWithOne() throws {
    let station = try Station(detecting: true, addresses: [])
    station.noteChange()
    station.pass(8 * Self.second)
    let sent = Self.messages(station)
    // As :: while the address is looked for, and again when it is there (RFC 3590).
    #expect(sent.filter { $0 == Self.report(4, from: IP6.unspecified) }.count >= 1)
    #expect(sent.suffix(2) == [Self.report(4), Self.report(4)])
  }

  @Test func queriesAreAnswered() throws {
    let station = try Station()
    station.settle()
    station.input(Self.query())
    #expect(Self.messages(station).isEmpty)
    station.pass(Self.second)
    #expect(Self.messages(station) == [Self.report(2)])
    station.input(Self.query(Station.solicited))
    station.pass(Self.second)
    #expect(Self.messages(station) == [Self.report(2)])
    station.input(Self.query(IP6.group))
    station.pass(2 * Self.second)
    #expect(Self.messages(station).isEmpty, "none of this station's")
    // Two in a row are answered once, and a robustness is taken over.
    station.input(Self.query(code: [3, 20]))
    station.input(Self.query(code: [3, 20]))
    station.pass(2 * Self.second)
    #expect(Self.messages(station).count == 1)
    #expect(station.harness.counter("mld.rcv_v2_queries") == 5)
    Station.set([(IP6.globalB, 64)], of: station.interface)
    station.noteChange()
    station.pass(5 * Self.second)
    let joined = Self.report(4, [Station.solicitedNode(IP6.globalB)])
    #expect(Self.messages(station) == [joined, joined, joined])
  }

  @Test func aLongDelayIsWaited() throws {
    let station = try Station()
    station.settle()
    // 0x8fff: (0x1fff) << 3 milliseconds, a little more than 65 seconds (section 5.1.3).
    station.input(Self.query(delay: 0x8fff))
    var seconds = 0
    while Self.messages(station).isEmpty && seconds < 70 {
      station.pass(Self.second)
      seconds += 1
    }
    #expect(seconds <= 66)
  }

  @Test func anOldQuerierIsAnsweredAsItCan() throws {
    let station = try Station()
    station.settle()
    station.input(Self.oldQuery())
    station.pass(Self.second)
    #expect(Self.messages(station) == [Self.old(131)])
    #expect(station.harness.counter("mld.snd_v1_reports") == 1 && station.harness.counter("mld.rcv_v1_queries") == 1)
    // One that somebody else gives is enough.
    station.input(Self.oldQuery(Station.solicited))
    station.input(IP6.listener(131, ICMP6Tests.zero + Station.solicited, to: Station.solicited))
    station.pass(2 * Self.second)
    #expect(Self.messages(station).isEmpty && station.harness.counter("mld.suppressed") == 1)
    // New ones are answered in the old version, too, as long as it may be there: 2 * 125 + 1 seconds and the rest.
    station.input(Self.query())
    station.pass(Self.second)
    #expect(Self.messages(station) == [Self.old(131)])
    // Who reported last says that it goes.
    station.set("ip6.auto_linklocal", 0)
    Station.set([(IP6.linkB, 64)], of: station.interface)
    station.noteChange()
    station.pass(3 * Self.second)
    let sent = Self.messages(station)
    #expect(sent.filter { $0[48] == 132 }.map { Array($0[24..<40]) } == [Self.routers])
    station.harness.pass(255 * Self.second, step: Self.second)
    _ = station.sent()
    station.input(Self.query())
    station.pass(Self.second)
    #expect(Self.messages(station).map { $0[48] } == [143])
  }

  /// "shared.groups": what `netisr if join` and plugins write.
  @Test func whatIsJoinedIsReportedToo() throws {
    let station = try Station()
    station.settle()
    let (group, local) = ([0xff, 5] + [UInt8](repeating: 0, count: 13) + [9], [0xff, 1] + IP6.group[2...])
    try station.harness.change(group, joins: true, on: station.interface)
    // What has no more than its interface for a scope is nobody's business.
    try station.harness.change(local, joins: true, on: station.interface)
    try station.harness.change([239, 1, 2, 3], joins: true, on: station.interface)
    station.noteChange()
    station.pass(5 * Self.second)
    #expect(Self.messages(station) == [Self.report(4, [group]), Self.report(4, [group])])
    // What is sent to it is for this station, and to others it is not.
    let echo = { (group: [UInt8]) in IP6.icmp6Packet(128, [0, 1, 0, 2], from: IP6.globalA, to: group) }
    station.meet(IP6.globalA, at: ICMP6Tests.mac)
    station.input(echo(group))
    station.input(echo(local))
    station.input(echo(IP6.group))
    #expect(station.sent().filter { $0[6] == 58 && $0[40] == 129 }.count == 2)
    // Queries of both versions.
    station.input(Self.query(group))
    station.pass(Self.second)
    #expect(Self.messages(station) == [Self.report(2, [group])])
    station.input(Self.oldQuery(group))
    station.pass(Self.second)
    #expect(Self.messages(station) == [IP6.listener(131, ICMP6Tests.zero + group, from: Station.linkLocal, to: group)])
    // Told by an empty packet that something has changed, as by a plugin.
    try station.harness.change(group, joins: false, on: station.interface)
    station.output([])
    station.pass(2 * Self.second)
    let left = Self.messages(station)
    #expect(left == [IP6.listener(132, ICMP6Tests.zero + group, from: Station.linkLocal, to: Self.routers)])
    #expect(station.harness.counter("ip6.odropped") == 0)
    station.input(echo(group))
    #expect(station.sent().isEmpty)
    #expect(station.harness.mbufsInFlight == 0)
  }

  @Test func reportsGoOnAfterASwap() throws {
    let station = try Station()
    station.noteChange()
    station.pass(Station.tick)
    #expect(Self.messages(station).count == 1)
    try station.harness.reload("ip6")
    station.harness.engine.runCallouts()
    station.pass(3 * Self.second)
    #expect(Self.messages(station) == [Self.report(4)])
  }
}
