import Foundation
import Testing

@testable import PacketIO

/// Captures of others, with what TShark and tcpdump read in them: the folder NETISR_CAPTURES, or ../shared/captures.
let corpus: URL? = {
  let environment = ProcessInfo.processInfo.environment["NETISR_CAPTURES"].map { URL(fileURLWithPath: $0) }
  let repository = samples.deletingLastPathComponent()
  let places = ["../shared/captures", "../../shared/captures"].map { repository.appendingPathComponent($0) }
  return (environment.map { [$0] } ?? places).first {
    FileManager.default.fileExists(atPath: $0.appendingPathComponent("oracle.json").path)
  }
}()

@Suite struct CorpusTests {
  /// Link types under the names that TShark has for those which tcpdump does not print.
  static let names: [String: LinkType] = [
    "ether": .en10MB, "linux-sll": .linuxSLL, "linux-sll2": .linuxSLL2, "null": .null, "rawip": .raw, "rawip4": .ipv4,
    "rawip6": .ipv6, "atm-rfc1483": .atmRFC1483, "atm-pdus": .sunATM, "erf": .erf, "netlink": .netlink,
  ]

  /// Captures that must be refused, and why.
  static let refused = ["atm/juniper_atm1_oobr.pcap": "JUNIPER_ATM1"]

  /// Captures whose records are longer than the snapshot length in their header: libpcap cuts them, TShark does not.
  static let cut = ["malformed/icmp-icmp_print-oobr-1.pcap": 111, "malformed/trunc-hdr.pcap": 1]

  @Test(.enabled(if: corpus != nil, "no captures: set NETISR_CAPTURES to a folder with an oracle.json"))
  func countsAgree() throws {
    let corpus = try #require(corpus)
    let oracle = try #require(
      try JSONSerialization.jsonObject(with: Data(contentsOf: corpus.appendingPathComponent("oracle.json")))
        as? [String: Any])
    let captures = try #require(oracle["captures"] as? [[String: Any]])
    for expected in captures {
      let file = try #require(expected["file"] as? String)
      let all = readAll(corpus.appendingPathComponent(file).path)
      if let linkType = Self.refused[file] {
        #expect(all.error?.description.contains(linkType) == true, "\(file)")
        continue
      }
      let name = expected["link_type"] as? String ?? ""
      #expect(all.error == nil, "\(file): \(all.error?.description ?? "")")
      #expect(all.linkType == Self.names[name], "\(file)")
      #expect(all.frames.count == expected["packets"] as? Int, "\(file)")
      if let bytes = Self.cut[file] ?? expected["pcap_record_bytes"] as? Int {
        #expect(all.bytes == bytes, "\(file)")
      }
      try everyFrameEnters(file, corpus)
    }
  }

  /// All frames of these captures have a protocol here; cut-short link headers are the exception.
  private func everyFrameEnters(_ file: String, _ corpus: URL) throws {
    try withInterface { ifp in
      let path = corpus.appendingPathComponent(file).path
      let interface = CaptureInterface(
        CaptureSpec(path: path), reader: try CaptureReader(path: path), interface: ifp, sink: DiscardingSink())
      #expect(try interface.poll(now: 0, limit: .max) == .ended)
      let statistics = interface.meter.statistics
      #expect(statistics.entered == statistics.frames, "\(file): \(statistics)")
    }
  }

  @Test(arguments: [
    ("ethernet", LinkType.en10MB), ("vlan", .en10MB), ("cooked", .linuxSLL2), ("netlink", .netlink),
    ("atm-cells", .erf),
  ])
  func samplesAreWhole(name: String, linkType: LinkType) {
    let all = readAll(samples.appendingPathComponent("\(name).pcap").path)
    #expect(all.error == nil && all.linkType == linkType && all.frames.count > 50)
  }
}
