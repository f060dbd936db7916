import Foundation
import TestSupport
import Testing

/// igmp between the kernel's hosts and the kernel's routers.
@Suite(.enabled(if: NetworkNamespace.obstacle == nil, "skipped: \(NetworkNamespace.obstacle ?? "")"), .serialized)
struct LiveIGMPTests {
  private static let plugins = ["ether", "arp", "ip", "igmp"]

  /// A socket of the kernel's that is a member of a group until it is closed.
  private final class Member {
    private let descriptor: Int32

    init(of group: String, at address: String, in namespace: NetworkNamespace) throws {
      descriptor = try namespace.inside { socket(AF_INET, Int32(SOCK_DGRAM.rawValue), 0) }
      // struct ip_mreq: group and interface.
      var request = [UInt8](repeating: 0, count: 8)
      inet_pton(AF_INET, group, &request)
      var interface = [UInt8](repeating: 0, count: 4)
      inet_pton(AF_INET, address, &interface)
      request.replaceSubrange(4..<8, with: interface)
      // IP_ADD_MEMBERSHIP of linux/in.h.
      guard setsockopt(descriptor, 0, 35, request, 8) == 0 else { throw Surprise(description: "join: errno \(errno)") }
    }

    deinit { close(descriptor) }
  }

  /// The host's table of memberships: group to the version of its last report.
  private static func memberships(_ live: LiveBench) throws -> [String: Int] {
    let rows = try live.host.ask("table show igmp.memberships --json").object()["rows"] as? [[String: Any]] ?? []
    let pairs = rows.compactMap { row -> (String, Int)? in
      guard let key = row["key"] as? [String: Any], let value = row["value"] as? [String: Any],
        let group = key["group"] as? String, let version = value["version"] as? Int
      else { return nil }
      return (group, version)
    }
    return Dictionary(pairs, uniquingKeysWith: { $1 })
  }

  @Test(arguments: [1, 2, 3]) func learnsWhatTheKernelJoins(version: Int) throws {
    try LiveBench.with(
      plugins: Self.plugins, ["--interface", "packet:near?inet=10.9.0.2/24"],
      prepare: { _ = try $0.output(of: "sysctl -q net.ipv4.conf.far.force_igmp_version=\(version)") }
    ) { live in
      var member: Member? = try Member(of: "239.7.7.1", at: "10.9.0.1", in: live.namespace)
      let other = try Member(of: "239.7.7.2", at: "10.9.0.1", in: live.namespace)
      withExtendedLifetime((member, other)) {}
      #expect(try eventually { try Self.memberships(live) == ["239.7.7.1": version, "239.7.7.2": version] })
      member = nil
      if version == 1 {
        // Nobody says goodbye in version 1.
        sleep(2)
        #expect(try Self.memberships(live).count == 2)
      } else {
        #expect(try eventually { try Self.memberships(live) == ["239.7.7.2": version] })
      }
      withExtendedLifetime(other) {}
      #expect(try live.counter("igmp", "rcv_badsum") == 0 && live.counter("ip", "badsum") == 0)
    }
  }

  /// A device that takes only the groups that it is asked to take: reports of version 2 go to the groups themselves.
  @Test func hearsGroupsThatTheDeviceWouldNotTake() throws {
    try LiveBench.with(
      plugins: Self.plugins, ["--interface", "packet:virtual?inet=10.9.0.2/24"],
      prepare: { namespace in
        _ = try namespace.output(of: "sysctl -q net.ipv4.conf.far.force_igmp_version=2")
        try namespace.ip("link add virtual link near type macvlan mode bridge")
        _ = try namespace.output(of: "sysctl -q net.ipv6.conf.virtual.disable_ipv6=1")
        try namespace.ip("link set virtual up")
      }
    ) { live in
      let member = try Member(of: "239.7.7.3", at: "10.9.0.1", in: live.namespace)
      #expect(try eventually { try Self.memberships(live) == ["239.7.7.3": 2] })
      withExtendedLifetime(member) {}
    }
  }

  /// A bridge that looks into reports, and asks for them: what it has in its table is what it forwards.
  @Test(arguments: [2, 3]) func aBridgeKnowsTheHostsGroups(version: Int) throws {
    try LiveBench.with(
      plugins: Self.plugins, ["--interface", "packet:near?inet=10.9.0.2/24"],
      prepare: { namespace in
        try namespace.ip("link add br0 type bridge mcast_snooping 1 mcast_querier 1 mcast_igmp_version \(version)")
        // In hundredths of a second.
        try namespace.ip("link set br0 type bridge mcast_query_response_interval 100 mcast_last_member_interval 50")
        try namespace.ip("link set br0 type bridge mcast_startup_query_interval 200 mcast_query_interval 300")
        _ = try namespace.output(of: "sysctl -q net.ipv6.conf.br0.disable_ipv6=1")
        try namespace.ip("addr del 10.9.0.1/24 dev far")
        try namespace.ip("link set far master br0")
        try namespace.ip("link set br0 up")
        try namespace.ip("addr add 10.9.0.1/24 dev br0")
      }
    ) { live in
      func isKnown(_ group: String) throws -> Bool {
        try live.namespace.output(of: "bridge mdb show").split(separator: "\n").contains {
          $0.contains("port far grp \(group) ")
        }
      }
      #expect(try live.host.ask("if join near 239.5.5.5").output == "near: joined 239.5.5.5\n")
      #expect(try live.host.ask("if join near 239.5.5.6").status == 0)
      #expect(try eventually { try isKnown("239.5.5.5") && isKnown("239.5.5.6") })
      // It asks, and is answered: in the version that it speaks.
      let reports = try live.counter("igmp", "snd_reports")
      let queries = version == 2 ? "rcv_v1v2_queries" : "rcv_v3_queries"
      #expect(try eventually { try live.counter("igmp", queries) >= 3 })
      #expect(try eventually { try live.counter("igmp", "snd_reports") > reports })
      #expect(try isKnown("239.5.5.5") && isKnown("239.5.5.6"))
      if version == 2 { #expect(try live.counter("igmp", "rcv_v2_reports") > 0) }

      #expect(try live.host.ask("if leave near 239.5.5.5").output == "near: left 239.5.5.5\n")
      #expect(try eventually { try !isKnown("239.5.5.5") })
      #expect(try isKnown("239.5.5.6"))
      #expect(try live.counter("igmp", "snd_leaves") == (version == 2 ? 1 : 0))
      // It hears itself; and the bridge, which has groups of its own.
      let known = try Self.memberships(live)
      #expect(known["239.5.5.6"] == version && known["239.5.5.5"] == nil, "\(known)")
      #expect(try live.counter("igmp", "rcv_ourreports") > 2)
      #expect(try live.counter("igmp", "snd_failed") == 0)

      for (line, words) in [
        ("join near 10.0.0.1", "expected an address of 224.0.0.0/4"), ("join far 239.5.5.5", "no interface 'far'"),
        ("join near 239.5.5.6", "has joined 239.5.5.6 already"), ("leave near 239.5.5.9", "has not joined"),
        ("join near group", "expected an address"),
      ] {
        let result = try live.host.ask("if \(line)")
        #expect(result.status == 1 && result.error.contains(words), "\(line): \(result)")
      }
      #expect(try live.host.ask("if join near ff02::99").status == 0)
      let rows = try live.host.ask("table show shared.groups --json").object()["rows"] as? [[String: Any]] ?? []
      #expect(Set(rows.compactMap { ($0["key"] as? [String: Any])?["group"] as? String }) == ["239.5.5.6", "ff02::99"])
      #expect(try live.host.ask("if remove near").status == 0)
      let rest = try live.host.ask("table show shared.groups --json").object()["rows"] as? [[String: Any]]
      #expect(rest?.isEmpty == true, "they go with the interface")
    }
  }
}
