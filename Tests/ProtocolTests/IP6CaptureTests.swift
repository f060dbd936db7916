import CNetISR
import Foundation
import NetISR
import PacketIO
import TestSupport
import Testing

/// Real traffic, and what others read in it: the folder NETISR_CAPTURES, or ../shared/captures.
private let corpus: URL? = {
  let environment = ProcessInfo.processInfo.environment["NETISR_CAPTURES"].map { URL(fileURLWithPath: $0) }
  let root = URL(fileURLWithPath: Fixtures.root)
  let places = ["../shared/captures", "../../shared/captures"].map { root.appendingPathComponent($0) }
  return (environment.map { [$0] } ?? places).first {
    FileManager.default.fileExists(atPath: $0.appendingPathComponent("oracle.json").path)
  }
}()

@Suite struct IP6CaptureTests {
  /// Where a host must not do what a reader of captures does. All else agrees exactly, for every capture.
  ///
  /// - evasion-frag-4: two fragments overlap with different bytes. RFC 5722 gives the datagram up; TShark puts one
  ///   together, whose checksum is wrong.
  /// - ip6-icmp6-bad-chksum: what fails the checksum is not counted by its type.
  /// - ipv6-routing-header: type 0 routing headers with segments left are dropped (RFC 5095).
  static let exceptions: [String: [String: UInt64]] = [
    "ipv6/evasion-frag-4.pcap": ["ip6.reassembled": 0, "icmp6.echo": 2, "icmp6.badsum": 0],
    "ipv6/ip6-icmp6-bad-chksum.pcap": ["icmp6.echo": 0],
    "ipv6/ipv6-routing-header.pcap": ["icmp6.echo": 0],
  ]

  static let types: [String: [String]] = [
    "icmp6.unreach": ["1"], "icmp6.toobig": ["2"], "icmp6.timxceed": ["3"], "icmp6.paramprob": ["4"],
    "icmp6.echo": ["128"], "icmp6.echoreply": ["129"], "icmp6.mld_query": ["130"], "icmp6.mld_report": ["131"],
    "icmp6.mld_done": ["132"], "icmp6.router_solicit": ["133"], "icmp6.router_advert": ["134"],
    "icmp6.nd_solicit": ["135"], "icmp6.nd_advert": ["136"], "icmp6.redirect": ["137"], "icmp6.mld2_report": ["143"],
  ]

  static let headers = [
    "ip6.hopopts": "ipv6.hopopts", "ip6.routing": "ipv6.routing", "ip6.dstopts": "ipv6.dstopts",
    "ip6.fragments": "ipv6.fraghdr",
  ]

  /// Gives what a capture holds to the engine.
  final class Sink: FrameSink {
    func receive(proto: UInt32, source: UInt, packets: UnsafeMutableBufferPointer<UnsafeMutablePointer<mbuf>?>) {
      _ = netisr_dispatch_batch(proto, source, packets.baseAddress, UInt32(packets.count))
    }
  }

  @Test(.enabled(if: corpus != nil, "no captures: set NETISR_CAPTURES to a folder with an oracle.json"))
  func countsAgree() throws {
    let corpus = try #require(corpus)
    let oracle = try #require(
      try JSONSerialization.jsonObject(with: Data(contentsOf: corpus.appendingPathComponent("oracle.json")))
        as? [String: Any])
    var checked = 0
    for capture in try #require(oracle["captures"] as? [[String: Any]]) {
      let file = try #require(capture["file"] as? String)
      let linkTypes = ["ether", "linux-sll", "linux-sll2", "null", "rawip", "rawip6"]
      guard capture["ipv6"] as? Int ?? 0 > 0, linkTypes.contains(capture["link_type"] as? String ?? "") else {
        continue
      }
      checked += 1
      let harness = try Harness(plugins: ["ether", "ip6"])
      let path = corpus.appendingPathComponent(file).path
      try harness.engine.withAttachedThread {
        let interface = CaptureInterface(
          CaptureSpec(path: path), reader: try CaptureReader(path: path), interface: harness.interface, sink: Sink())
        #expect(try interface.poll(now: 0, limit: .max) == .ended)
      }
      let exceptions = Self.exceptions[file] ?? [:]
      func expect(_ counter: String, _ value: Int) {
        #expect(harness.counter(counter) == exceptions[counter] ?? UInt64(value), "\(file): \(counter)")
      }
      // TShark does not take another version for IPv6.
      #expect(
        harness.counter("ip6.total") - harness.counter("ip6.badvers") == UInt64(capture["ipv6"] as? Int ?? 0), "\(file)"
      )
      expect("ip6.reassembled", capture["ipv6_reassembled"] as? Int ?? 0)
      expect("ip6.atomicfrags", capture["ipv6_atomic_fragments"] as? Int ?? 0)
      expect("icmp6.badsum", capture["icmpv6_checksum_bad"] as? Int ?? 0)
      let frames = capture["ipv6_ext_header_frames"] as? [String: Int] ?? [:]
      for (counter, layer) in Self.headers { expect(counter, frames[layer] ?? 0) }
      let types = capture["icmpv6_type"] as? [String: Int] ?? [:]
      for (counter, names) in Self.types { expect(counter, names.reduce(0) { $0 + (types[$1] ?? 0) }) }
      // Real messages are valid.
      expect("icmp6.nd_bad", 0)
      expect("icmp6.mld_bad", 0)
      #expect(harness.engine.conservation().isBalanced)
    }
    #expect(checked > 0)
  }
}
