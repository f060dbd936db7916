import Foundation
import TestSupport
import Testing

/// A plugin that faults under traffic, as the command shows it.
@Suite struct FaultCommandTests {
  /// A build of "ip" that writes to nowhere at its third packet.
  private func compileFaulty(_ bench: Workbench) throws -> String {
    let file = bench.path + "/faulty.so"
    try CPlugin.compile(
      """
      #include <CNetISR.h>
      NETISR_PLUGIN("ip", NETISR_IP, 1, 666);
      static int count;
      __attribute__((visibility("default"))) void ip_input(struct mbuf *m);
      void ip_input(struct mbuf *m)
      {
        if (__atomic_add_fetch(&count, 1, __ATOMIC_RELAXED) == 3)
          *(volatile int *)(uintptr_t)0xdead0 = 1;
        m_freem(m);
      }
      int netisr_plugin_register(struct netisr_handler *nhp)
      {
        nhp->nh_name = "ip";
        nhp->nh_handler = ip_input;
        nhp->nh_proto = NETISR_IP;
        nhp->nh_policy = NETISR_POLICY_SOURCE;
        return (0);
      }
      """, to: file)
    return file
  }

  @Test(arguments: ["direct", "deferred"])
  func aFaultIsReportedAndKept(dispatch: String) throws {
    try Workbench.with(plugins: ["ether", "arp"]) { bench in
      let faults = bench.path + "/faults"
      try bench.drop(try compileFaulty(bench), as: "ip.so")
      try RunningHost.with(bench, ["--dispatch", dispatch, "--faults", faults]) { host in
        #expect(try eventually { try host.shows("ip.so", state: "quarantined", generation: 1) })
        // Everything else goes on, and what comes for it is counted.
        let arps = try host.figure("counters", "arp", "received")
        #expect(try eventually { try host.figure("counters", "arp", "received") > arps + 100 })
        #expect(try host.figure("conservation", "dropped", "fault") > 0)

        let list = try host.ask("faults --json").object()["faults"] as? [[String: Any]] ?? []
        let fault = try #require(list.first)
        #expect(list.count == 1)
        #expect(fault["number"] as? Int == 1 && fault["plugin"] as? String == "ip" && fault["generation"] as? Int == 1)
        #expect(fault["summary"] as? String == "SIGSEGV at 0xdead0")
        #expect((fault["place"] as? String)?.hasPrefix("ip_input+0x") == true)
        // The packet in flight: an IPv4 header without options.
        #expect((fault["packet"] as? String)?.hasPrefix("4500") == true)
        let table = try host.ask("faults").output
        #expect(table.contains("SIGSEGV at 0xdead0"))

        let capture = bench.path + "/packet.pcap"
        let text = try host.ask("faults show 1 --packet", capture)
        #expect(text.status == 0 && text.output.contains("backtrace\n  #0  ip_input+0x"), "\(text.error)")
        #expect(text.output.contains("0x0000: 45 00"))
        #expect(text.output.contains("\nlast events\n") && text.output.contains("s before: ip (protocol 1) registered"))
        let replayed = try Command.run("replay --json --plugins", bench.plugins, capture)
        let captures = try replayed.object()["captures"] as? [[String: Any]]
        #expect(captures?.first?["linktype"] as? String == "IPV4" && captures?.first?["packets"] as? Int == 1)

        let unknown = try host.ask("faults show 7")
        #expect(unknown.status == 1 && unknown.complaints == ["netisr: no fault 7 is known: there are 1 to 1"])

        // A good build takes over.
        try bench.drop(Fixtures.plugin("ip"), as: "ip.so")
        #expect(try eventually { try host.shows("ip.so", state: "serving", generation: 2) })
        #expect(try eventually { try host.figure("counters", "icmp", "echo") > 100 })
      }
      // Kept over a restart, which counts on.
      try bench.drop(try compileFaulty(bench), as: "ip.so")
      try RunningHost.with(bench, ["--dispatch", dispatch, "--faults", faults]) { host in
        #expect(try eventually { try host.shows("ip.so", state: "quarantined", generation: 1) })
        let numbers = try (host.ask("faults --json").object()["faults"] as? [[String: Any]])?.map {
          $0["number"] as? Int
        }
        #expect(numbers == [1, 2])
        #expect(FileManager.default.fileExists(atPath: faults + "/2.pcap"))
      }
    }
  }
}
