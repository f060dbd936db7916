import Foundation
import TestSupport
import Testing

/// Groups of IPv6, between the kernel's listeners and the kernel's switch.
@Suite(.enabled(if: NetworkNamespace.obstacle == nil, "skipped: \(NetworkNamespace.obstacle ?? "")"), .serialized)
struct LiveMLDTests {
  /// A socket of the kernel's that listens to a group until it is closed.
  private final class Listener {
    private let descriptor: Int32

    init(to group: String, by device: String, in namespace: NetworkNamespace) throws {
      let index: UInt32
      (descriptor, index) = try namespace.inside {
        (socket(AF_INET6, Int32(SOCK_DGRAM.rawValue), 0), if_nametoindex(device))
      }
      // struct ipv6_mreq: group and interface.
      var request = ipv6_mreq()
      inet_pton(AF_INET6, group, &request.ipv6mr_multiaddr)
      request.ipv6mr_interface = index
      // IPV6_ADD_MEMBERSHIP of linux/in6.h.
      guard setsockopt(descriptor, Int32(IPPROTO_IPV6), 20, &request, socklen_t(MemoryLayout<ipv6_mreq>.size)) == 0
      else { throw Surprise(description: "join: errno \(errno)") }
    }

    deinit { close(descriptor) }
  }

  /// The host's table of memberships: group to the version of its last report, of the groups of these tests.
  private static func memberships(_ live: LiveBench) throws -> [String: Int] {
    let rows = try live.host.ask("table show ip6.memberships --json").object()["rows"] as? [[String: Any]] ?? []
    let pairs = rows.compactMap { row -> (String, Int)? in
      guard let key = row["key"] as? [String: Any], let value = row["value"] as? [String: Any],
        let group = key["group"] as? String, let version = value["version"] as? Int, group.hasPrefix("ff15:")
      else { return nil }
      return (group, version)
    }
    return Dictionary(pairs, uniquingKeysWith: { $1 })
  }

  @Test(arguments: [1, 2]) func learnsWhatTheKernelJoins(version: Int) throws {
    try LiveBench.with(
      plugins: LiveIP6.plugins, ["--interface", "packet:near?inet6=\(LiveIP6.host)/64"],
      prepare: { namespace in
        try LiveIP6.prepare(namespace)
        try namespace.sysctl("net.ipv6.conf.far.force_mld_version=\(version)")
      }
    ) { live in
      // Reports come from the kernel's link-local address, once it may be used.
      #expect(
        try eventually { try !live.namespace.output(of: "ip -6 addr show dev far").contains("tentative") })
      var listener: Listener? = try Listener(to: "ff15::7:1", by: "far", in: live.namespace)
      let other = try Listener(to: "ff15::7:2", by: "far", in: live.namespace)
      #expect(try eventually { try Self.memberships(live) == ["ff15::7:1": version, "ff15::7:2": version] })
      withExtendedLifetime(listener) {}
      listener = nil
      #expect(try eventually { try Self.memberships(live) == ["ff15::7:2": version] })
      withExtendedLifetime(other) {}
      #expect(try live.counter("icmp6", version == 1 ? "mld_report" : "mld2_report") >= 2)
      #expect(try live.counter("icmp6", "mld_bad") == 0 && live.counter("icmp6", "badsum") == 0)
    }
  }

  /// A bridge that looks into reports, and asks for them: what it has in its table is what it forwards.
  @Test(arguments: [1, 2]) func aBridgeKnowsTheHostsGroups(version: Int) throws {
    try LiveBench.with(
      plugins: LiveIP6.plugins, ["--interface", "packet:near?inet6=\(LiveIP6.host)/64"],
      prepare: { namespace in
        try namespace.ip("link add br0 type bridge mcast_snooping 1 mcast_querier 1 mcast_mld_version \(version)")
        // In hundredths of a second.
        try namespace.ip("link set br0 type bridge mcast_query_response_interval 100 mcast_last_member_interval 50")
        try namespace.ip("link set br0 type bridge mcast_startup_query_interval 100 mcast_query_interval 200")
        try namespace.ip("link set far master br0")
        try namespace.ip("link set br0 up")
      }
    ) { live in
      try live.waitForAddresses()
      func isKnown(_ group: String) throws -> Bool {
        try live.namespace.output(of: "bridge mdb show").split(separator: "\n").contains {
          $0.contains("port far grp \(group) ")
        }
      }
      #expect(try live.host.ask("if join near ff15::5:5").output == "near: joined ff15::5:5\n")
      #expect(try live.host.ask("if join near ff02::5:6").status == 0)
      #expect(try eventually { try isKnown("ff15::5:5") && isKnown("ff02::5:6") })
      // It asks, once its link-local address may be used, and is answered: in the version that it speaks.
      let sent = version == 1 ? "snd_v1_reports" : "snd_reports"
      #expect(try eventually { try live.counter("mld", "rcv_v\(version)_queries") >= 1 })
      let reports = try live.counter("mld", sent)
      #expect(try eventually { try live.counter("mld", sent) > reports })
      #expect(try isKnown("ff15::5:5") && isKnown("ff02::5:6"))

      #expect(try live.host.ask("if leave near ff15::5:5").output == "near: left ff15::5:5\n")
      #expect(try eventually { try !isKnown("ff15::5:5") })
      #expect(try isKnown("ff02::5:6"))
      if version == 1 { #expect(try live.counter("mld", "snd_dones") >= 1) }
      #expect(try live.counter("icmp6", "mld_bad") == 0)
    }
  }
}
