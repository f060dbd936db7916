import TestSupport
import Testing

/// ip and icmp over captures of others, held to what TShark read in them.
///
/// Exact for every capture: packets, checksums, and headers that can't be read. What is behind the header is compared where
/// all headers are right: TShark looks into packets with wrong ones too, ip drops them.
@Suite(.enabled(if: LinkCaptures.folder != nil, "no captures: set NETISR_CAPTURES to a folder with an oracle.json"))
struct IPCaptureTests {
  /// IP below ATM goes through natm.
  static let linkTypes = ["ether", "linux-sll", "linux-sll2", "null", "rawip", "rawip4"]

  /// libpcap cuts records that are longer than the snapshot length in the file's header; TShark does not.
  static let cut = ["malformed/icmp-icmp_print-oobr-1.pcap"]

  static let types = [
    (0, "echoreply"), (3, "unreach"), (4, "sourcequench"), (5, "redirect"), (8, "echo"), (9, "routeradvert"),
    (10, "routersolicit"), (11, "timxceed"), (12, "paramprob"), (13, "tstamp"), (14, "tstampreply"), (17, "maskreq"),
    (18, "maskreply"),
  ]

  @Test func countersAgree() throws {
    var seen = 0
    for capture in try LinkCaptures.all()
    where Self.linkTypes.contains(capture.linkType) && !Self.cut.contains(capture.file) {
      compare(try capture.replay(plugins: ["ether", "ip"]), capture)
      seen += 1
    }
    #expect(seen > 40)
  }

  private func compare(_ harness: Harness, _ reading: LinkCaptures.Capture) {
    let file = reading.file
    func ip(_ name: String) -> UInt64 { harness.counter("ip.\(name)") }
    func icmp(_ name: String) -> UInt64 { harness.counter("icmp.\(name)") }
    #expect(ip("total") == reading.number("ipv4"), "\(file)")
    #expect(harness.isIPBalanced, "\(file)")

    // TShark judges the checksum of every header that is all there; so does ip, after version and header length.
    #expect(ip("badsum") == reading.number("ipv4_checksum_bad"), "\(file)")
    let unreadable =
      (reading.tally("ipv4_checksum_status")["none"] ?? 0) + (reading.tally("ipv4_checksum_status")["unverified"] ?? 0)
    #expect(ip("tooshort") + ip("badvers") + ip("badhlen") == unreadable, "\(file)")

    // What is behind the header is only looked at when its checksum is right.
    guard reading.number("ipv4_checksum_bad") == 0, unreadable == 0 else { return }
    #expect(ip("badlen") == reading.number("ipv4_bogus_total_length"), "\(file)")
    #expect(ip("badoptions") == 0, "\(file)")
    #expect(ip("options") == reading.number("ipv4_with_options"), "\(file)")
    #expect(ip("fragments") == reading.number("ipv4_fragments"), "\(file)")
    #expect(ip("igmp") == reading.number("igmp"), "\(file)")
    // Overlaps and the like are treated otherwise by TShark.
    guard reading.values.keys.allSatisfy({ !$0.hasPrefix("ipv4_reassembly_") || reading.number($0) == 0 }) else {
      return
    }
    #expect(ip("reassembled") == reading.number("ipv4_reassembled"), "\(file)")
    #expect(ip("fragdropped") == 0, "\(file)")

    guard reading.number("icmp_checksum_bad") == 0 else { return }
    for (type, name) in Self.types {
      #expect(icmp(name) == reading.tally("icmp_type")[String(type)] ?? 0, "\(file): \(name)")
    }
    #expect(icmp("badsum") + icmp("tooshort") == 0, "\(file)")
  }
}
