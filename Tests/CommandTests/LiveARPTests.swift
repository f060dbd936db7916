import Foundation
import TestSupport
import Testing

/// The host as a station of a link, asked and answered by the kernel's own stack.
@Suite(.enabled(if: NetworkNamespace.obstacle == nil, "skipped: \(NetworkNamespace.obstacle ?? "")"), .serialized)
struct LiveARPTests {
  /// The kernel finds the host's address by ARP, and takes the answer.
  @Test func theKernelFindsTheHost() throws {
    try LiveBench.with(
      plugins: ["ether", "arp", "ip"], ["--interface", "packet:near?inet=10.9.0.2/24"],
      prepare: { try $0.ip("neigh del 10.9.0.2 dev far") }
    ) { live in
      // Nobody else has the address: after three probes it is announced (RFC 5227).
      #expect(try eventually { try live.counter("arp", "txannounces") >= 1 })
      #expect(try live.counter("arp", "txprobes") == 3)
      let address = try live.namespace.output(of: "cat /sys/class/net/near/address")
        .trimmingCharacters(in: .whitespacesAndNewlines)
      #expect(address.count == 17)
      let replies = try live.counter("arp", "txreplies")
      _ = try live.namespace.output(of: "ping -q -c 1 -W 1 10.9.0.2")
      let neighbour = try live.namespace.output(of: "ip neigh show 10.9.0.2 dev far")
      #expect(neighbour.contains("lladdr \(address)"), "\(neighbour)")
      #expect(try live.counter("arp", "txreplies") == replies + 1)
      #expect(try live.counter("arp", "rxrequests") >= 1)
    }
  }

  /// Each request is answered, with the device's own link-level address, also to who has no address.
  @Test func arpingIsAnswered() throws {
    try LiveBench.with(
      plugins: ["ether", "arp", "ip"], ["--interface", "packet:near?inet=10.9.0.2/24"]
    ) { live in
      #expect(try eventually { try live.counter("arp", "txannounces") >= 1 })
      let address = try live.namespace.linkAddress("near")
      let said = try live.namespace.output(of: "arping -c 3 -w 8 -I far 10.9.0.2").lowercased()
      let answers = said.split(separator: "\n").filter { $0.contains("10.9.0.2") && $0.contains(address) }
      #expect(answers.count == 3, "\(said)")
      #expect(try live.counter("arp", "txreplies") >= 3)
    }
  }

  /// Two stations with one address: the host sees that it is taken, and does not answer for it.
  @Test func aTakenAddressIsNotUsed() throws {
    try LiveBench.with(
      plugins: ["ether", "arp", "ip"], ["--interface", "packet:near?inet=10.9.0.1/24"]
    ) { live in
      #expect(try eventually { try live.counter("arp", "rxreplies") >= 1 })
      let requests = try live.counter("arp", "txrequests")
      sleep(3)
      #expect(try live.counter("arp", "txrequests") == requests, "neither more probes nor an announcement")
      #expect(try live.counter("arp", "txreplies") == 0)
    }
  }
}
