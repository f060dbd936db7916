import CNetISR
import Foundation
import NetISR
import PacketIO
import Testing
import TestSupport

/// Captures of real traffic with what others read in them: the folder NETISR_CAPTURES, or ../shared/captures.
enum ReadCaptures {
  static let folder: String? = {
    let places =
      [ProcessInfo.processInfo.environment["NETISR_CAPTURES"]].compactMap { $0 }
      + ["../shared/captures", "../../shared/captures"].map { Fixtures.root + "/" + $0 }
    return places.first { FileManager.default.fileExists(atPath: $0 + "/oracle.json") }
  }()

  /// What is known of a capture; nil when there are no captures.
  static func oracle(_ file: String) throws -> [String: Any]? {
    guard let folder else { return nil }
    let data = try Data(contentsOf: URL(fileURLWithPath: folder + "/oracle.json"))
    let all = (try JSONSerialization.jsonObject(with: data) as? [String: Any])?["captures"] as? [[String: Any]]
    return all?.first { $0["file"] as? String == file }
  }

  private final class Dispatcher: FrameSink {
    func receive(proto: UInt32, source: UInt, packets: UnsafeMutableBufferPointer<UnsafeMutablePointer<mbuf>?>) {
      netisr_dispatch_batch(proto, source, packets.baseAddress, UInt32(packets.count))
    }
  }

  /// Feeds a capture through an interface of its own.
  static func replay(_ file: String, into harness: Harness) throws {
    let path = (folder ?? "") + "/" + file
    let reader = try CaptureReader(path: path)
    let traits = InterfaceTraits(reader.linkType)
    let ifp = try #require(
      harness.engine.interfaces.make(
        name: "capture", type: Int32(traits.type), flags: traits.flags, mtu: traits.mtu, ownClock: true))
    let capture = CaptureInterface(CaptureSpec(path: path), reader: reader, interface: ifp, sink: Dispatcher())
    try harness.engine.withAttachedThread {
      while try capture.poll(now: 0, limit: 1000) != .ended {}
    }
    #expect(capture.meter.statistics.entered == capture.meter.statistics.frames)
  }
}

/// natm: its counters and circuits against what TShark reads.
@Suite(.enabled(if: ReadCaptures.folder != nil, "no captures: set NETISR_CAPTURES to a folder with an oracle.json"))
struct NATMCaptureTests {
  /// Frames by "vpi/vci".
  func circuits(_ harness: Harness) -> [String: Int] {
    let entries = harness.engine.tableEntries(of: "natm.circuits", vnet: 0) ?? []
    func u16(_ bytes: [UInt8], _ at: Int) -> Int { Int(bytes[at]) | Int(bytes[at + 1]) << 8 }
    return Dictionary(uniqueKeysWithValues: entries.map { ("\(u16($0.key, 0))/\(u16($0.key, 2))", u16($0.value, 0)) })
  }

  func expectCircuits(_ file: String, _ harness: Harness) throws {
    let atm = try #require(try ReadCaptures.oracle(file)?["atm"] as? [String: Any])
    #expect(circuits(harness) == atm["vpi_vci"] as? [String: Int])
    #expect(harness.counter("natm.circuits") == UInt64((atm["vpi_vci"] as? [String: Int])?.count ?? 0))
  }

  /// Payloads and PDUs: every one is for IP, IPv6 or ARP, some in Ethernet frames.
  @Test(arguments: [
    "derived-aal5-crc-erf", "derived-routed+bridged-sunatm", "derived-routed-llcsnap-rfc1483",
    "libtrace-rfc1483-firstcell",
    "libtrace-sunatm-firstcell",
  ])
  func payloadsAreDelivered(name: String) throws {
    let file = "atm/\(name).pcap"
    let harness = try Harness(plugins: ["natm", "ether"])
    try ReadCaptures.replay(file, into: harness)
    let oracle = try #require(try ReadCaptures.oracle(file))
    let atm = try #require(oracle["atm"] as? [String: Any])
    let types = try #require(atm["llc_snap"] as? [String: Int])
    let counters = harness.counters("natm")
    func count(_ name: String) -> Int { Int(counters[name] ?? 0) }
    #expect(count("pdus") == oracle["packets"] as? Int)
    #expect(count("ip") == types["oui 0 type 0x0800"] ?? 0)
    #expect(count("ip6") == types["oui 0 type 0x86dd"] ?? 0)
    #expect(count("arp") == types["oui 0 type 0x0806"] ?? 0)
    #expect(count("bridged") == types["oui 32962 type "] ?? 0)
    #expect(count("ip") + count("ip6") + count("arp") + count("bridged") == count("pdus"))
    #expect(count("cells") == 0)
    // With what was in Ethernet frames.
    #expect(harness.delivered(to: NETISR_IP).count == oracle["ipv4"] as? Int)
    #expect(harness.delivered(to: NETISR_IPV6).count == oracle["ipv6"] as? Int)
    #expect(harness.delivered(to: NETISR_ARP).count == oracle["arp"] as? Int)
    try expectCircuits(file, harness)
    #expect(harness.mbufsInFlight == 0)
  }

  /// The same PDUs as cells and as PDUs.
  @Test func cellsGiveTheSamePackets() throws {
    let cells = try Harness(plugins: ["natm"])
    try ReadCaptures.replay("atm/derived-aal5-cells-erf.pcap", into: cells)
    #expect(cells.counter("natm.cells") == 1195)
    #expect(cells.counter("natm.pdus") == 60)
    #expect(cells.counter("natm.badcrc") == 0)
    #expect(cells.counter("natm.timeouts") == 0)
    try expectCircuits("atm/derived-aal5-cells-erf.pcap", cells)
    #expect(cells.mbufsInFlight == 0)

    // The file has the same sixty first, on other circuits; what a circuit ends first is delivered first.
    let whole = try Harness(plugins: ["natm"])
    try ReadCaptures.replay("atm/derived-routed-llcsnap-rfc1483.pcap", into: whole)
    for proto in [NETISR_IP, NETISR_IPV6, NETISR_ARP] {
      let ours = cells.delivered(to: proto).map(\.bytes)
      let theirs = whole.delivered(to: proto).map(\.bytes).prefix(ours.count)
      #expect(ours.sorted { $0.lexicographicallyPrecedes($1) } == theirs.sorted { $0.lexicographicallyPrecedes($1) })
    }
    #expect([NETISR_IP, NETISR_IPV6, NETISR_ARP].reduce(0) { $0 + cells.delivered(to: $1).count } == 60)
  }

  /// First cells only: no PDU ever ends.
  @Test func firstCellsEndInNothing() throws {
    let file = "atm/libtrace-erf-firstcell.pcap"
    let harness = try Harness(plugins: ["natm"])
    try ReadCaptures.replay(file, into: harness)
    #expect(harness.counter("natm.cells") == 1500)
    #expect(harness.counter("natm.pdus") == 0)
    #expect(harness.counter("natm.badhec") == 0)
    #expect(harness.mbufsInFlight < 100)
    try expectCircuits(file, harness)
  }

  @Test(arguments: [
    ("atm-heapoverflow", "signalling"), ("atm-oam-loopback-print-overrun", "oam"), ("llc-xid-heapoverflow", "noproto"),
  ])
  func attacksOnOthers(name: String, counter: String) throws {
    let file = "atm/\(name).pcap"
    let harness = try Harness(plugins: ["natm"])
    try ReadCaptures.replay(file, into: harness)
    #expect(harness.counter("natm." + counter) == 1)
    try expectCircuits(file, harness)
    #expect(harness.mbufsInFlight == 0)
  }
}
