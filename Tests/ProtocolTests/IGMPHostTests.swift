import CNetISR
import NetISR
import Testing
import TestSupport

/// igmp as a host: what it says of the groups that it is a member of.
@Suite struct IGMPHostTests {
  typealias IGMP = IGMPTests
  static let us: [UInt8] = [10, 0, 0, 2]
  static let v3Routers: [UInt8] = [224, 0, 0, 22]
  static let second: UInt64 = 1_000_000_000

  let station: ARPStation
  var harness: Harness { station.harness }

  init() throws {
    station = try ARPStation(plugins: ["igmp", "arp"])
    station.settle()
  }

  // MARK: What is done to it

  /// Writes a group into "shared.groups", as a plugin would, or takes it out.
  func change(_ group: [UInt8], joins: Bool, interface: UnsafeMutablePointer<ifnet>? = nil) throws {
    try harness.change(group, joins: joins, on: interface ?? station.interface)
    station.noteChange()
  }

  func join(_ group: [UInt8] = IGMP.group) throws { try change(group, joins: true) }
  func leave(_ group: [UInt8] = IGMP.group) throws { try change(group, joins: false) }

  /// A message comes in from another host, now.
  func hear(_ message: [UInt8], from source: [UInt8] = [10, 0, 0, 1]) {
    let now = harness.engine.withAttachedThread { netisr_time() }
    harness.input(NETISR_IGMP, IGMP.packet(message, from: source), time: now, interface: station.interface)
  }

  func query(_ version: Int, group: [UInt8] = [0, 0, 0, 0], code: UInt8 = 100, sources: [[UInt8]] = []) {
    switch version {
    case 1: hear([0x11, 0, 0, 0, 0, 0, 0, 0])
    case 2: hear([0x11, code, 0, 0] + group)
    default: hear([0x11, code, 0, 0] + group + [2, 125, 0, UInt8(sources.count)] + sources.joined())
    }
  }

  // MARK: What it says

  /// Messages since the last look, each checked down to its last byte: "224.0.0.22 22 4:239.1.2.3" of version 3,
  /// "239.1.2.3 16 239.1.2.3" of the others.
  func said(sourceLocation: SourceLocation = #_sourceLocation) -> [String] {
    harness.drain()
    return station.recorder.take().filter { $0[12] == 8 && $0[13] == 0 }.map { frame in
      let packet = Array(frame.dropFirst(14))
      let header = Array(packet[0..<24])
      let message = Array(packet[24...])
      let destination = Array(header[16..<20])
      #expect(
        frame[0..<6] == [1, 0, 0x5e, destination[1] & 0x7f, destination[2], destination[3]][...]
          && frame[6..<12] == ARPStation.own[...],
        sourceLocation: sourceLocation)
      #expect(
        header[0] == 0x46 && header[1] == 0xc0 && header[8] == 1 && header[9] == 2, sourceLocation: sourceLocation)
      #expect(Int(header[2]) << 8 | Int(header[3]) == packet.count, sourceLocation: sourceLocation)
      #expect(
        header[12..<16] == Self.us[...] && header[20..<24] == [0x94, 4, 0, 0][...], sourceLocation: sourceLocation)
      #expect(IGMP.checksum(header) == 0 && IGMP.checksum(message) == 0, sourceLocation: sourceLocation)
      func dotted(_ bytes: some Sequence<UInt8>) -> String { bytes.map { "\($0)" }.joined(separator: ".") }
      guard message[0] == 0x22 else {
        #expect(message.count == 8, sourceLocation: sourceLocation)
        return "\(dotted(destination)) \(String(message[0], radix: 16)) \(dotted(message[4..<8]))"
      }
      var text = "\(dotted(destination)) 22"
      var place = 8
      for _ in 0..<(Int(message[6]) << 8 | Int(message[7])) {
        let sources = Int(message[place + 2]) << 8 | Int(message[place + 3])
        text += " \(message[place]):\(dotted(message[place + 4..<place + 8]))"
        for source in 0..<sources {
          let start = place + 8 + 4 * source
          text += "+" + dotted(message[start..<start + 4])
        }
        place += 8 + 4 * sources
      }
      #expect(place == message.count, sourceLocation: sourceLocation)
      return text
    }
  }

  static let isExclude = "224.0.0.22 22 2:239.1.2.3"
  static let toExclude = "224.0.0.22 22 4:239.1.2.3"
  static let toInclude = "224.0.0.22 22 3:239.1.2.3"

  // MARK: Changes

  @Test func aJoinIsReportedTwiceWithinASecond() throws {
    try join()
    station.pass(2 * ARPStation.tick)
    #expect(said() == [Self.toExclude])
    station.pass(Self.second)
    #expect(said() == [Self.toExclude])
    station.pass(20 * Self.second)
    #expect(said() == [])
    #expect(harness.counter("igmp.snd_reports") == 2)
    // What is said is heard by this host itself, too.
    #expect(harness.counter("igmp.rcv_ourreports") == 2 && harness.counter("igmp.rcv_v3_reports") == 2)
    let entries = harness.engine.tableEntries(of: "igmp.memberships", vnet: 0) ?? []
    #expect(entries.map { Array($0.value[4..<8]) } == [Self.us])
    #expect(harness.mbufsInFlight == 0)
  }

  @Test func aLeaveIsReportedTwiceAndForgotten() throws {
    try join()
    station.pass(3 * Self.second)
    _ = said()
    try leave()
    station.pass(3 * Self.second)
    #expect(said() == [Self.toInclude, Self.toInclude])
    #expect(harness.tableCount("igmp.groups") == 0 && harness.tableCount("igmp.memberships") == 0)
    query(3)
    station.pass(20 * Self.second)
    #expect(said() == [])
  }

  @Test func whoComesBackInTheMidstOfLeavingStays() throws {
    try join()
    station.pass(3 * Self.second)
    try leave()
    station.pass(2 * ARPStation.tick)
    try join()
    station.pass(3 * Self.second)
    #expect(said().last == Self.toExclude)
    #expect(harness.tableCount("igmp.groups") == 1)
  }

  @Test func allHostsAndUnicastAreNeverReported() throws {
    for group: [UInt8] in [[224, 0, 0, 1], [10, 0, 0, 9], [0, 0, 0, 0]] { try join(group) }
    query(3)
    station.pass(15 * Self.second)
    #expect(said() == [])
  }

  @Test func whatOnlyListensSaysNothing() throws {
    station.interface.pointee.if_flags |= UInt32(IFNET_MONITOR)
    try join()
    query(3)
    query(2)
    station.pass(15 * Self.second)
    #expect(said() == [] && harness.tableCount("igmp.groups") == 0 && harness.tableCount("igmp.links") == 0)
    station.interface.pointee.if_flags &= ~UInt32(IFNET_MONITOR)
    station.noteChange()
    station.pass(3 * Self.second)
    #expect(said() == [Self.toExclude, Self.toExclude])
  }

  @Test func aLinkThatComesBackIsToldAgain() throws {
    try join()
    station.pass(3 * Self.second)
    _ = said()
    station.interface.pointee.if_flags &= ~UInt32(IFNET_UP)
    station.noteChange()
    station.pass(Self.second)
    station.interface.pointee.if_flags |= UInt32(IFNET_UP)
    station.noteChange()
    station.pass(3 * Self.second)
    #expect(said() == [Self.toExclude, Self.toExclude])
  }

  // MARK: Queries of version 3

  @Test func aGeneralQueryIsAnsweredForAllGroupsAtOnce() throws {
    try join()
    try join([239, 1, 2, 4])
    station.pass(3 * Self.second)
    _ = said()
    query(3)
    station.pass(11 * Self.second)
    let answers = said()
    #expect(answers.count == 1 && answers[0].contains(" 2:239.1.2.3") && answers[0].contains(" 2:239.1.2.4"))
  }

  @Test func manyGroupsTakeSeveralReports() throws {
    for number in 0..<250 { try join([239, 2, 0, UInt8(number)]) }
    station.pass(30 * Self.second)
    _ = said()
    query(3)
    station.pass(11 * Self.second)
    let answers = said()
    #expect(answers.count == 2)
    #expect(Set(answers.flatMap { $0.split(separator: " ").dropFirst(2) }).count == 250)
  }

  @Test func answersComeAtRandomWithinTheTimeThatIsGiven() throws {
    try join()
    station.pass(3 * Self.second)
    _ = said()
    var times: Set<Int> = []
    for _ in 0..<20 {
      query(3, code: 20)
      for tick in 1...21 {
        station.pass(ARPStation.tick)
        if said() == [Self.isExclude] { times.insert(tick) }
      }
    }
    #expect(times.count > 4 && times.allSatisfy { (1...20).contains($0) }, "\(times)")
  }

  @Test func specificQueriesAreAnswered() throws {
    try join()
    station.pass(3 * Self.second)
    _ = said()
    query(3, group: IGMP.group, code: 10)
    station.pass(2 * Self.second)
    #expect(said() == [Self.isExclude])
    query(3, group: [239, 9, 9, 9], code: 10)
    station.pass(2 * Self.second)
    #expect(said() == [])
    // With sources: those are wanted, as all are. More queries before the answer add to it.
    query(3, group: IGMP.group, code: 20, sources: [[1, 1, 1, 1]])
    query(3, group: IGMP.group, code: 20, sources: [[2, 2, 2, 2], [1, 1, 1, 1]])
    station.pass(3 * Self.second)
    #expect(said() == ["224.0.0.22 22 1:239.1.2.3+1.1.1.1+2.2.2.2"])
    query(3, group: IGMP.group, code: 20, sources: [[1, 1, 1, 1]])
    query(3, group: IGMP.group, code: 20)
    station.pass(3 * Self.second)
    #expect(said() == [Self.isExclude])
    // More than are kept.
    query(3, group: IGMP.group, code: 20, sources: (0..<33).map { [3, 3, 3, UInt8($0)] })
    station.pass(3 * Self.second)
    #expect(said() == [Self.isExclude])
  }

  @Test func theQuerierSaysHowOftenChangesAreReported() throws {
    hear([0x11, 10, 0, 0, 0, 0, 0, 0, 5, 125, 0, 0])
    station.pass(2 * Self.second)
    try join()
    station.pass(10 * Self.second)
    #expect(said() == [String](repeating: Self.toExclude, count: 5))
  }

  // MARK: Older versions

  @Test(arguments: [(1, "239.1.2.3 12 239.1.2.3"), (2, "239.1.2.3 16 239.1.2.3")])
  func anOlderQuerierIsAnsweredInItsVersion(version: Int, report: String) throws {
    query(version)
    try join()
    station.pass(3 * Self.second)
    #expect(said() == [report, report])
    query(version)
    station.pass(11 * Self.second)
    #expect(said() == [report])
    // A newer one beside it changes nothing.
    query(3)
    station.pass(11 * Self.second)
    #expect(said() == [report])
    try leave()
    station.pass(3 * Self.second)
    #expect(said() == (version == 1 ? [] : ["224.0.0.2 17 239.1.2.3"]))
    #expect(harness.counter("igmp.snd_leaves") == (version == 1 ? 0 : 1))
    // 2 x 125 s and the time to answer after its last query, version 3 is spoken again.
    station.pass(270 * Self.second)
    try join()
    station.pass(3 * Self.second)
    #expect(said() == [Self.toExclude, Self.toExclude])
  }

  @Test func anothersReportIsEnough() throws {
    query(2)
    try join()
    station.pass(3 * Self.second)
    _ = said()
    query(2, code: 100)
    hear(IGMP.message(0x16), from: [10, 0, 0, 7])
    station.pass(11 * Self.second)
    #expect(said() == [])
    // Who was not the last to report says no goodbye.
    try leave()
    station.pass(3 * Self.second)
    #expect(said() == [])
  }

  @Test func itsOwnReportDoesNotSilenceIt() throws {
    query(2)
    try join()
    station.pass(3 * Self.second)
    #expect(said().count == 2)
    #expect(harness.counter("igmp.rcv_ourreports") == 2)
    try leave()
    station.pass(3 * Self.second)
    #expect(said() == ["224.0.0.2 17 239.1.2.3"])
  }

  @Test func itGoesOnAfterASwap() throws {
    try join()
    station.pass(2 * ARPStation.tick)
    #expect(said() == [Self.toExclude])
    try harness.reload("igmp")
    station.noteChange()
    station.pass(3 * Self.second)
    #expect(said() == [Self.toExclude])
    query(3)
    station.pass(11 * Self.second)
    #expect(said() == [Self.isExclude])
  }
}
