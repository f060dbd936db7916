import CNetISR
import Foundation
import NetISR
import PacketIO
import TestSupport
import Testing

/// ether, arp and igmp over captures of others, held to what TShark read in them.
///
/// Exact for every capture: frames, payloads by type, tags, LLC, requests and replies, messages by type. Where a
/// counter may differ from TShark's tally, the test says why.
@Suite(.enabled(if: LinkCaptures.folder != nil, "no captures: set NETISR_CAPTURES to a folder with an oracle.json"))
struct EtherCaptureTests {
  @Test func framesAgree() throws {
    var seen = 0
    for capture in try LinkCaptures.all() where capture.linkType == "ether" {
      let counters = try capture.replay(plugins: ["ether"]).counters("ether")
      // A frame without a type was cut inside of its header.
      let headless = capture.tally("ethertype_outer")["none"] ?? 0
      #expect(counters["total"] == capture.packets, "\(capture.file)")
      #expect(counters["ip"] ?? 0 == capture.number("ipv4"), "\(capture.file)")
      #expect(counters["arp"] ?? 0 == capture.number("arp"), "\(capture.file)")
      // TShark takes a packet of another version under IPv6's type for data; for ether it is ip6's to refuse.
      let foreign = capture.file == "malformed/ipv6-bad-version.pcap" ? UInt64(2) : 0
      #expect(counters["ip6"] ?? 0 == capture.number("ipv6") + foreign, "\(capture.file)")
      #expect(counters["vlan"] ?? 0 == capture.tagged, "\(capture.file)")
      #expect(counters["llc"] ?? 0 == capture.tally("ethertype_outer")["802.3-length"] ?? 0, "\(capture.file)")
      #expect(counters["tooshort"] ?? 0 == headless, "\(capture.file)")
      // A length of 0 is a type of 0 for TShark.
      #expect(counters["badlen"] ?? 0 == capture.tally("ethertype_outer")["0x0000"] ?? 0, "\(capture.file)")
      let outcomes = ["ip", "ip6", "arp", "noproto", "tooshort", "badlen"].compactMap { counters[$0] }.reduce(0, +)
      #expect(outcomes == capture.packets, "\(capture.file)")
      seen += 1
    }
    #expect(seen > 40)
  }

  @Test func requestsAndRepliesAgree() throws {
    var seen: UInt64 = 0
    for capture in try LinkCaptures.all() where !capture.file.hasPrefix("atm/") {
      let harness = try capture.replay(plugins: ["ether", "arp"])
      let counters = harness.counters("arp")
      let opcodes = capture.tally("arp_opcode")
      #expect(counters["rxrequests"] ?? 0 == opcodes["1"] ?? 0, "\(capture.file)")
      #expect(counters["rxreplies"] ?? 0 == opcodes["2"] ?? 0, "\(capture.file)")
      // RARP has a type of its own; whether it comes here is for the interface to say.
      let others = opcodes.filter { $0.key != "1" && $0.key != "2" && $0.key != "3" }.values.reduce(0, +)
      #expect(counters["rxother"] ?? 0 == others, "\(capture.file)")
      #expect(counters["received"] ?? 0 == capture.number("arp") - (opcodes["3"] ?? 0), "\(capture.file)")
      // TShark asks more of a probe than a sender of 0.0.0.0.
      #expect(counters["probes"] ?? 0 >= capture.number("arp_probe"), "\(capture.file)")
      #expect(harness.engine.conservation().isBalanced, "\(capture.file)")
      seen += counters["received"] ?? 0
    }
    #expect(seen > 600)
  }

  @Test func neighboursAreTheSenders() throws {
    // Senders of sound packets, 0.0.0.0 left out.
    let senders = [
      "arp/arp-1-2-3-vlan-tags.pcap": 1, "arp/nmap-vsn.pcap": 1, "arp/snap-arp.pcapng": 2, "arp/linuxsll-arp.pcap": 3,
      "ethernet/802.1ad_QinQ.pcap": 2, "ipv4/ncp.pcap": 7, "arp/arp-leak.pcap": 0,
    ]
    for capture in try LinkCaptures.all() {
      guard let wanted = senders[capture.file] else { continue }
      #expect(try capture.replay(plugins: ["ether", "arp"]).tableCount("arp.neighbours") == wanted, "\(capture.file)")
    }
  }

  @Test func messagesAgree() throws {
    var seen: UInt64 = 0
    for capture in try LinkCaptures.all() where !capture.file.hasPrefix("atm/") && capture.number("igmp") > 0 {
      let harness = try capture.replay(plugins: ["ether", "igmp"])
      // Without ip: what it would hand on, here straight from the recorder.
      for packet in harness.delivered(to: NETISR_IP) where packet.bytes.count >= 20 && packet.bytes[9] == 2 {
        harness.input(NETISR_IGMP, packet.bytes, time: packet.time)
      }
      let counters = harness.counters("igmp")
      let types = capture.tally("igmp_type")
      let bad = capture.number("igmp_checksum_bad")
      #expect(counters["rcv_total"] == capture.number("igmp"), "\(capture.file)")
      #expect(counters["rcv_badsum"] ?? 0 == bad, "\(capture.file)")
      let queries = (counters["rcv_v1v2_queries"] ?? 0) + (counters["rcv_v3_queries"] ?? 0)
      #expect(queries == types["0x11"] ?? 0, "\(capture.file)")
      #expect(counters["rcv_v1_reports"] ?? 0 == types["0x12"] ?? 0, "\(capture.file)")
      // The one message with a wrong checksum is a version 2 report.
      #expect((counters["rcv_v2_reports"] ?? 0) + bad == types["0x16"] ?? 0, "\(capture.file)")
      #expect(counters["rcv_leaves"] ?? 0 == types["0x17"] ?? 0, "\(capture.file)")
      #expect(counters["rcv_v3_reports"] ?? 0 == types["0x22"] ?? 0, "\(capture.file)")
      #expect(counters["rcv_other"] ?? 0 == types["rgmp"] ?? 0, "\(capture.file)")
      let refused = ["rcv_tooshort", "rcv_badheader", "rcv_badqueries", "rcv_badreports", "rcv_badrecords"]
      #expect(refused.allSatisfy { counters[$0] == nil }, "\(capture.file)")
      seen += counters["rcv_total"] ?? 0
    }
    #expect(seen > 600)
  }
}

/// A folder of captures with an oracle.json: NETISR_CAPTURES, or ../shared/captures.
enum LinkCaptures {
  static let folder: URL? = {
    let environment = ProcessInfo.processInfo.environment["NETISR_CAPTURES"].map { URL(fileURLWithPath: $0) }
    let root = URL(fileURLWithPath: Fixtures.root)
    let places = ["../shared/captures", "../../shared/captures"].map { root.appendingPathComponent($0) }
    return (environment.map { [$0] } ?? places).first {
      FileManager.default.fileExists(atPath: $0.appendingPathComponent("oracle.json").path)
    }
  }()

  static func all() throws -> [Capture] {
    let folder = try #require(folder)
    let data = try Data(contentsOf: folder.appendingPathComponent("oracle.json"))
    let oracle = try #require(try JSONSerialization.jsonObject(with: data) as? [String: Any])
    return try #require(oracle["captures"] as? [[String: Any]]).map { Capture(folder: folder, values: $0) }
  }

  /// A capture, and what is said of it.
  struct Capture {
    let folder: URL
    let values: [String: Any]

    var file: String { values["file"] as? String ?? "" }
    var linkType: String { values["link_type"] as? String ?? "" }
    var packets: UInt64 { number("packets") }

    func number(_ key: String) -> UInt64 { UInt64(values[key] as? Int ?? 0) }
    func tally(_ key: String) -> [String: UInt64] { (values[key] as? [String: Int] ?? [:]).mapValues { UInt64($0) } }

    /// Frames with at least one tag.
    var tagged: UInt64 {
      let outer = tally("ethertype_outer")
      return ["0x8100", "0x88a8", "0x9100"].compactMap { outer[$0] }.reduce(0, +)
    }

    /// Reads it through a capture interface into a harness with these plugins.
    func replay(plugins: [String], cpus: Int = 1, dispatch: Dispatch = .direct) throws -> Harness {
      let harness = try Harness(plugins: plugins, cpus: cpus, dispatch: dispatch)
      try harness.engine.withAttachedThread {
        let path = folder.appendingPathComponent(file).path
        let reader: CaptureReader
        do throws(CaptureError) {
          reader = try CaptureReader(path: path)
        } catch {
          // A link type that is refused: nothing to read.
          return
        }
        let interface = CaptureInterface(
          CaptureSpec(path: path), reader: reader, interface: harness.interface, sink: DispatchingSink(harness))
        while try interface.poll(now: 0, limit: .max) != .ended {}
      }
      harness.drain()
      return harness
    }
  }

  /// Hands frames to their protocols, and runs the workers before a queue overflows.
  final class DispatchingSink: FrameSink {
    let harness: Harness

    init(_ harness: Harness) { self.harness = harness }

    func receive(proto: UInt32, source: UInt, packets: UnsafeMutableBufferPointer<UnsafeMutablePointer<mbuf>?>) {
      for packet in packets {
        if harness.engine.room < 8 { harness.drain() }
        _ = netisr_dispatch_src(proto, source, packet)
      }
    }
  }
}
