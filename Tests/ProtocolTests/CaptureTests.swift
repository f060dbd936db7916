import CNetISR
import Foundation
import NetISR
import TestSupport
import Testing

/// Every capture of the folder through all eight plugins, held to TShark's reading of it.
///
/// A figure is compared wherever the reading has it. Two rules are general: what a bad checksum or a malformed header
/// stops is counted there, and no further; TShark looks on. Where the two differ for another reason, `exceptions`
/// says which, and what stands there must hold.
@Suite(.enabled(if: LinkCaptures.folder != nil, "no captures: set NETISR_CAPTURES to a folder with an oracle.json"))
struct CaptureTests {
  /// What the counters say instead, and why.
  static let exceptions: [String: [String: (found: UInt64, reason: String)]] = [
    "atm/derived-aal5-cells-erf.pcap": [
      "IPv4 packets": (44, "TShark does not put cells together: this is what the same PDUs hold in the file of PDUs"),
      "IPv6 packets": (14, "TShark does not put cells together"),
    ],
    "ipv6/evasion-frag-4.pcap": [
      "IPv6 reassembled": (0, "a fragment comes twice with different data: RFC 5722 drops the datagram"),
      "ICMPv6 type 128": (2, "the third is in that datagram"),
    ],
    "ipv6/ipv6-routing-header.pcap": [
      "ICMPv6 type 128": (0, "a type 0 routing header with segments left: RFC 5095 drops it")
    ],
    "malformed/ip_printroute_asan.pcap": [
      "IPv4 fragments": (0, "46 of the header's 60 bytes were captured: too short, and looked at no further")
    ],
    "malformed/ipv6-bad-version.pcap": [
      "IPv6 packets": (4, "ip6.total counts before any check; TShark takes another version for data")
    ],
  ]

  /// Captures whose link type is refused by name: the interface's tests.
  static let refused = ["atm/juniper_atm1_oobr.pcap"]

  @Test(arguments: [Dispatch.direct, .hybrid, .deferred])
  func countersAgreeWithTheReading(dispatch: Dispatch) throws {
    var compared = 0
    for capture in try LinkCaptures.all() where !Self.refused.contains(capture.file) {
      let harness = try capture.replay(plugins: Fixtures.protocols, cpus: 2, dispatch: dispatch)
      for figure in CaptureFigure.all(capture, harness) {
        if let exception = Self.exceptions[capture.file]?[figure.name] {
          #expect(figure.found == exception.found, "\(capture.file): \(figure.name): \(exception.reason)")
        } else {
          #expect(
            figure.agrees, "\(capture.file): \(figure.name): expected \(figure.expected), found \(figure.found)")
        }
        compared += 1
      }
      #expect(harness.engine.conservation().isBalanced, "\(capture.file)")
      #expect(harness.engine.conservation().dropped.isEmpty, "\(capture.file)")
      // Nothing leaks: with the plugins and their tables gone, every mbuf is back.
      harness.host.unloadAll()
      for name in Fixtures.protocols { harness.engine.releaseState(harness.engine.purgeState(owner: name)) }
      #expect(harness.mbufsInFlight == 0, "\(capture.file)")
    }
    #expect(compared > 0)
    print("\(dispatch): \(compared) figures agree")
  }
}
