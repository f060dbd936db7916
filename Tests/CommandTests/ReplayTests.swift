import Foundation
import TestSupport
import Testing

@Suite struct ReplayTests {
  private static let ping = Captures.pcap(Captures.pingWithARP)

  @Test(arguments: ["direct", "hybrid", "deferred"])
  func everyFrameIsAccountedFor(dispatch: String) throws {
    try Workbench.with(plugins: ["ether", "ip", "arp"]) { bench in
      let file = try bench.write(Self.ping, as: "ping.pcap")
      let result = try Command.run(
        ["replay", "--plugins", bench.plugins, "--dispatch", dispatch, "--threads", "2", "--loop", "3", "--json", file])
      #expect(result.status == 0, "\(result.error)")
      #expect(result.error == "")
      let report = try result.object()
      try expectShape(
        report,
        statisticsShape.merging(
          [
            "captures": .array(
              .object(["file": .string, "linktype": .string, "packets": .number, "bytes": .number])),
            "elapsed_ns": .number, "packets_per_second": .number, "ns_per_packet": .number,
          ], uniquingKeysWith: { $1 }))
      let captures = try #require(report["captures"] as? [[String: Any]])
      #expect(captures.count == 1)
      #expect(captures[0]["file"] as? String == file)
      #expect(captures[0]["linktype"] as? String == "EN10MB")
      #expect(captures[0]["packets"] as? Int == 12)
      #expect(captures[0]["bytes"] as? Int == 3 * Captures.pingWithARP.reduce(0) { $0 + $1.count })
      let counters = try #require(report["counters"] as? [String: [String: Int]])
      #expect(counters["ether"]?["total"] == 12)
      #expect(counters["ether"]?["ip6"] == 0, "counters at 0 are there")
      #expect(counters["ip"]?["total"] == 6)
      #expect(counters["ip"]?["badsum"] == 0)
      #expect(counters["icmp"]?["echo"] == 3)
      #expect(counters["icmp"]?["echoreply"] == 3)
      #expect(counters["arp"]?["rxrequests"] == 3)
      #expect(counters["arp"]?["rxreplies"] == 3)
      let conservation = try #require(report["conservation"] as? [String: Any])
      #expect(conservation["received"] as? Int == 24)
      #expect(conservation["handled"] as? Int == 24)
      #expect(conservation["balanced"] as? Bool == true)
      #expect((conservation["dropped"] as? [String: Int])?.isEmpty == true)
      #expect(report["leaked_mbufs"] as? Int == 0)
      let plugins = try #require(report["plugins"] as? [[String: Any]])
      #expect(plugins.map { $0["file"] as? String } == ["arp.so", "ether.so", "ip.so"])
      #expect(plugins.allSatisfy { $0["state"] as? String == "serving" && $0["generation"] as? Int == 1 })
      #expect((report["workstreams"] as? [Any])?.count == 2)
    }
  }

  /// The same frames by way of a pair: each protocol sees what it sees without.
  @Test(arguments: ["direct", "deferred"])
  func throughAPairOfInterfaces(dispatch: String) throws {
    try Workbench.with(plugins: ["ether", "ip", "arp", "epair"]) { bench in
      let file = try bench.write(Self.ping, as: "ping.pcap")
      let result = try Command.run(
        ["replay", "--plugins", bench.plugins, "--dispatch", dispatch, "--threads", "2", "--pair", "--json", file])
      #expect(result.status == 0, "\(result.error)")
      let report = try result.object()
      let counters = try #require(report["counters"] as? [String: [String: Int]])
      #expect(counters["epair"]?["packets"] == 4 && counters["epair"]?["drops"] == 0)
      #expect(counters["ether"]?["total"] == 4)
      #expect(counters["icmp"]?["echo"] == 1 && counters["icmp"]?["echoreply"] == 1)
      #expect(counters["arp"]?["rxrequests"] == 1 && counters["arp"]?["rxreplies"] == 1)
      let conservation = try #require(report["conservation"] as? [String: Any])
      #expect(conservation["received"] as? Int == 12 && conservation["balanced"] as? Bool == true)
    }
  }

  @Test func packetsWithoutProtocolAreDropsWithAReason() throws {
    try Workbench.with(plugins: ["ether"]) { bench in
      let file = try bench.write(Self.ping, as: "ping.pcap")
      let report = try Command.run(["replay", "--plugins", bench.plugins, "--json", file]).object()
      let conservation = try #require(report["conservation"] as? [String: Any])
      #expect(conservation["dropped"] as? [String: Int] == ["noproto": 4])
      #expect(conservation["balanced"] as? Bool == true)
    }
  }

  /// 5,000 frames through queues of 256: none is lost, because the reader waits.
  @Test func queuesNeverOverflow() throws {
    try Workbench.with(plugins: ["ether", "ip"]) { bench in
      let frames = (0..<5000).map { _ in Captures.icmp(8) }
      let file = try bench.write(Captures.pcap(frames), as: "many.pcap")
      let report = try Command.run(
        ["replay", "--plugins", bench.plugins, "--dispatch", "deferred", "--threads", "2", "--json", file]
      ).object()
      let counters = try #require(report["counters"] as? [String: [String: Int]])
      #expect(counters["ip"]?["total"] == 5000)
      #expect((report["conservation"] as? [String: Any])?["dropped"] as? [String: Int] == [:])
    }
  }

  /// Queues of three packets are shorter than a burst: the reader waits at each fourth packet, and still loses none.
  @Test(arguments: ["hybrid", "deferred"], ["1", "2"])
  func queuesShorterThanABurstNeverOverflow(dispatch: String, threads: String) throws {
    try Workbench.with(plugins: ["ether"]) { bench in
      let plugin = bench.path + "/short.so"
      try CPlugin.compile(
        """
        #include <CNetISR.h>
        NETISR_PLUGIN("short", NETISR_ARP, 1, 1);
        static counter_t total;
        static void input(struct mbuf *m)
        {
          counter_add(total, 1);
          m_freem(m);
        }
        int netisr_plugin_register(struct netisr_handler *nhp)
        {
          nhp->nh_name = "short";
          nhp->nh_handler = input;
          nhp->nh_proto = NETISR_ARP;
          nhp->nh_qlimit = 3;
          nhp->nh_policy = NETISR_POLICY_SOURCE;
          return (counter_define("short.total", &total));
        }
        """, to: plugin)
      try bench.drop(plugin, as: "short.so")
      let frames = (0..<3000).map { _ in Captures.arp(1) }
      let file = try bench.write(Captures.pcap(frames), as: "many.pcap")
      let report = try Command.run(
        ["replay", "--plugins", bench.plugins, "--dispatch", dispatch, "--threads", threads, "--json", file]
      ).object()
      let counters = try #require(report["counters"] as? [String: [String: Int]])
      #expect(counters["short"]?["total"] == 3000)
      #expect((report["conservation"] as? [String: Any])?["dropped"] as? [String: Int] == [:])
    }
  }

  /// Fragments of a thousand datagrams, interleaved over twenty flows: reassembled, all of them, in each dispatch mode.
  @Test(arguments: ["direct", "hybrid", "deferred"], ["1", "2"])
  func fragmentsNeverOverflow(dispatch: String, threads: String) throws {
    try Workbench.with(plugins: ["ether", "ip"]) { bench in
      var frames: [[UInt8]] = []
      for round in 0..<50 {
        for piece in 0..<4 {
          for flow in 0..<20 {
            frames.append(
              Captures.fragment(UInt8(flow + 1), id: UInt16(round), at: piece * 8, isLast: piece == 3))
          }
        }
      }
      let file = try bench.write(Captures.pcap(frames), as: "fragments.pcap")
      let report = try Command.run(
        ["replay", "--plugins", bench.plugins, "--dispatch", dispatch, "--threads", threads, "--json", file]
      ).object()
      let counters = try #require(report["counters"] as? [String: [String: Int]])
      #expect(counters["ip"]?["fragments"] == 4000 && counters["ip"]?["reassembled"] == 1000)
      #expect((report["conservation"] as? [String: Any])?["dropped"] as? [String: Int] == [:])
    }
  }

  @Test func tablesForPeople() throws {
    try Workbench.with(plugins: ["ether", "ip", "arp"]) { bench in
      let file = try bench.write(Self.ping, as: "ping.pcap")
      let result = try Command.run(["replay", "--plugins", bench.plugins, file])
      #expect(result.status == 0)
      for title in [
        "Captures:", "Configuration:", "Protocols:", "Workstreams:", "Counters:", "Packet memory:", "Balance:",
      ] {
        #expect(result.output.contains(title))
      }
      #expect(result.output.contains("ip.total"))
      #expect(result.output.contains("per second, ") && result.output.contains(" ns each"))
      #expect(!result.output.contains("\u{1B}"), "no colour where no terminal is")
    }
  }

  @Test func damagedCaptureIsProcessedUpToTheDamage() throws {
    try Workbench.with(plugins: ["ether", "arp"]) { bench in
      let damaged = try bench.write(Array(Self.ping.dropLast(10)), as: "damaged.pcap")
      let result = try Command.run(["replay", "--plugins", bench.plugins, "--json", damaged])
      #expect(result.status == 1)
      #expect(result.complaints.count == 1)
      #expect(result.error.contains("damaged.pcap"))
      #expect(result.error.contains("packet 4"))
      let counters = try #require(try result.object()["counters"] as? [String: [String: Int]])
      #expect(counters["ether"]?["total"] == 3)
    }
  }

  @Test func unknownLinkTypeLosesNothingElse() throws {
    try Workbench.with(plugins: ["ether", "arp"]) { bench in
      let strange = try bench.write(Captures.pcap(linkType: 105, []), as: "wireless.pcap")
      let good = try bench.write(Self.ping, as: "ping.pcap")
      let result = try Command.run(["replay", "--plugins", bench.plugins, "--json", strange, good])
      #expect(result.status == 1)
      #expect(result.complaints.count == 1)
      #expect(result.error.contains("wireless.pcap"))
      #expect(result.error.contains("105"))
      let report = try result.object()
      #expect((report["captures"] as? [Any])?.count == 1)
      #expect((report["counters"] as? [String: [String: Int]])?["ether"]?["total"] == 4)
    }
  }

  @Test func noSuchCapture() throws {
    try Workbench.with(plugins: ["ether"]) { bench in
      let result = try Command.run(["replay", "--plugins", bench.plugins, "--json", bench.path + "/none.pcap"])
      #expect(result.status == 1)
      #expect(result.output == "")
      #expect(result.complaints.count == 1)
    }
  }

  @Test func noPluginDirectory() throws {
    try Workbench.with(plugins: []) { bench in
      let file = try bench.write(Self.ping, as: "ping.pcap")
      let result = try Command.run(["replay", "--plugins", bench.path + "/none.d", file])
      #expect(result.status == 1)
      #expect(result.complaints.count == 1)
      #expect(result.error.contains("none.d"))
    }
  }

  @Test func refusedPluginIsNamed() throws {
    try Workbench.with(plugins: ["ether"]) { bench in
      let file = try bench.write(Self.ping, as: "ping.pcap")
      _ = try bench.write(Array("nothing".utf8), as: "plugins.d/bad.so")
      let result = try Command.run(["replay", "--plugins", bench.plugins, file])
      #expect(result.status == 1)
      #expect(result.complaints.count == 1)
      #expect(result.error.contains("bad.so"))
      #expect(result.error.contains("not-elf"))
    }
  }

  @Test func theDefaultDirectoryIsPluginsD() throws {
    try Workbench.with(plugins: ["ether"]) { bench in
      let file = try bench.write(Self.ping, as: "ping.pcap")
      #expect(try Command.run(["replay", file], in: bench.path).status == 0)
    }
  }
}
