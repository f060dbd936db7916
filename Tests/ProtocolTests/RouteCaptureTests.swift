import CNetISR
import NetISR
import PacketIO
import Testing
import TestSupport

/// route: against what TShark counts, and against what the recorded kernel itself said its state was.
@Suite(.enabled(if: ReadCaptures.folder != nil, "no captures: set NETISR_CAPTURES to a folder with an oracle.json"))
struct RouteCaptureTests {
  static let file = "netlink/local-netlink-veth-a.pcap"

  @Test func messagesByType() throws {
    let harness = try Harness(plugins: ["route"])
    try ReadCaptures.replay(Self.file, into: harness)
    let netlink = try #require(try ReadCaptures.oracle(Self.file)?["netlink"] as? [String: Any])
    let types = try #require(netlink["route_message_type"] as? [String: Int])
    let names = [
      "16": "newlink", "17": "dellink", "18": "getlink", "20": "newaddr", "21": "deladdr", "22": "getaddr",
      "24": "newroute",
      "25": "delroute", "26": "getroute", "28": "newneigh", "29": "delneigh", "30": "getneigh", "32": "newrule",
      "34": "getrule", "80": "newnetconf", "81": "delnetconf",
    ]
    for (type, count) in types {
      let name = try #require(names[type])
      #expect(harness.counter("route." + name) == UInt64(count), "\(name)")
    }
    #expect(harness.counter("route.done") == UInt64((netlink["generic_hdr_type"] as? [String: Int])?["0x0003"] ?? 0))
    #expect(harness.counter("route.messages") == UInt64(netlink["messages_with_header"] as? Int ?? 0))
    #expect(harness.counter("route.malformed") == 0)
    #expect(harness.counter("route.requests") == 0)
    let c = harness.counters("route")
    func sum(_ names: String...) -> UInt64 { names.reduce(0) { $0 + (c[$1] ?? 0) } }
    #expect(
      sum("adds", "changes", "deletes", "absent", "ignored")
        == sum("newlink", "dellink", "newaddr", "deladdr", "newroute", "delroute", "newneigh", "delneigh"))
    #expect(harness.mbufsInFlight == 0)
  }

  /// Packets of the capture, from the first message on.
  func packets() throws -> [[UInt8]] {
    var reader = try CaptureReader(path: (ReadCaptures.folder ?? "") + "/" + Self.file)
    var packets: [[UInt8]] = []
    while try reader.next({ frame, _ in packets.append(frame.withUnsafeBytes { Array($0.dropFirst(16)) }) }) != nil {}
    return packets
  }

  /// Keys of a table after some packets: what `keep` accepts.
  func keys(_ table: String, after packets: some Sequence<[UInt8]>, _ keep: (TableEntry) -> Bool) throws -> Set<[UInt8]>
  {
    let harness = try Harness(plugins: ["route"])
    for packet in packets { harness.input(NETISR_ROUTE, packet) }
    return Set((harness.engine.tableEntries(of: "route." + table, vnet: 0) ?? []).filter(keep).map(\.key))
  }

  /// At several moments of the recording somebody asked the kernel for all it had. What was known by the
  /// notifications until then must be the same, nothing more and nothing less.
  @Test func theStateIsWhatTheKernelSaysItIs() throws {
    let packets = try packets()
    // Numbers of the packets that hold an answer, from 1.
    let moments: [(table: String, answer: Int, family: UInt8?)] = [
      ("links", 45, nil), ("addresses", 48, 4), ("addresses", 55, 6), ("routes", 57, 4), ("routes", 60, 6),
      ("routes", 111, 4),
    ]
    for moment in moments {
      let familyAt = moment.table == "routes" ? 45 : 20
      let keep = { (entry: TableEntry) in moment.family == nil || entry.key[familyAt] == moment.family }
      let known = try keys(moment.table, after: packets.prefix(moment.answer - 1), keep)
      let said = try keys(moment.table, after: [packets[moment.answer - 1]], keep)
      #expect(!said.isEmpty)
      #expect(known == said, "\(moment): not known \(said.subtracting(known)), not true \(known.subtracting(said))")
    }
  }
}
