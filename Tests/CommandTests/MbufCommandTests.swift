import Foundation
import TestSupport
import Testing

/// Leaks and misuse of mbufs, as the command shows them.
@Suite struct MbufCommandTests {
  /// A plugin of a protocol that does `wrong` with its third packet, and frees the others.
  private func compile(_ name: String, _ number: String, _ wrong: String, _ bench: Workbench) throws -> String {
    let file = bench.path + "/\(name).so"
    try CPlugin.compile(
      """
      #include <CNetISR.h>
      NETISR_PLUGIN("\(name)", \(number), 1, 666);
      static int count;
      static void input(struct mbuf *m)
      {
        if (__atomic_add_fetch(&count, 1, __ATOMIC_RELAXED) == 3) { \(wrong) }
        m_freem(m);
      }
      int netisr_plugin_register(struct netisr_handler *nhp)
      {
        nhp->nh_name = "\(name)";
        nhp->nh_handler = input;
        nhp->nh_proto = \(number);
        nhp->nh_policy = NETISR_POLICY_SOURCE;
        return (0);
      }
      """, to: file)
    return file
  }

  @Test(arguments: ["direct", "deferred"]) func aReplayNamesWhoLeaks(dispatch: String) throws {
    try Workbench.with(plugins: ["ether"]) { bench in
      try bench.drop(
        try compile("leaky", "NETISR_ARP", "(void)m_gethdr(M_NOWAIT, MT_DATA); return;", bench), as: "l.so")
      let file = try bench.write(Captures.pcap((0..<50).map { _ in Captures.arp(1) }), as: "arp.pcap")
      let result = try Command.run(["replay", "--plugins", bench.plugins, "--dispatch", dispatch, "--json", file])
      #expect(result.status == 1)
      #expect(
        result.error.contains(
          "2 mbufs leaked: held when all plugins and tables were gone: leaky generation 1 held 2 mbufs"))
      let report = try #require(
        try JSONSerialization.jsonObject(with: Data(result.output.utf8)) as? [String: Any])
      #expect(report["leaked_mbufs"] as? Int == 2)
      let leaks = try #require(report["leaks"] as? [[String: Any]])
      #expect(leaks.count == 1 && leaks[0]["plugin"] as? String == "leaky" && leaks[0]["mbufs"] as? Int == 2)
    }
  }

  @Test func aDoubleFreeIsFoundWhileMbufsAreChecked() throws {
    try Workbench.with(plugins: ["ether", "arp"]) { bench in
      try RunningHost.with(bench, ["--dispatch", "deferred"]) { host in
        #expect(try host.ask("set net.isr.mbufdebug=1").output == "net.isr.mbufdebug: 0 -> 1\n")
        try bench.drop(try compile("ip", "NETISR_IP", "m_freem(m);", bench), as: "ip.so")
        #expect(try eventually { try host.shows("ip.so", state: "quarantined", generation: 1) })
        let faults = try host.ask("faults --json").object()["faults"] as? [[String: Any]] ?? []
        let summary = faults.first?["summary"] as? String ?? ""
        #expect(faults.count == 1 && summary.hasPrefix("double free of the mbuf at 0x"), "\(summary)")
        #expect(summary.hasSuffix(", freed by ip generation 1"), "\(summary)")
        #expect((faults.first?["place"] as? String)?.contains("image+0x") == true)

        #expect(try host.ask("set net.isr.mbufdebug=0").output == "net.isr.mbufdebug: 1 -> 0\n")
        let arps = try host.figure("counters", "arp", "received")
        #expect(try eventually { try host.figure("counters", "arp", "received") > arps + 100 })
        let plugins = try #require(try host.ask("list --json").object()["plugins"] as? [[String: Any]])
        let arp = try #require(plugins.first { $0["name"] as? String == "arp" })
        #expect(arp["mbufs"] is Int && arp["clusters"] is Int)
        #expect(((arp["memory"] as? [String: Any])?["counters"] as? Int ?? 0) > 0)
        #expect(((arp["memory"] as? [String: Any])?["tables"] as? Int ?? 0) > 0)
        let header = try #require(try host.ask("list").output.split(separator: "\n").first)
        #expect(header.contains("Mbufs") && header.contains("Bytes"))
      }
    }
  }
}
