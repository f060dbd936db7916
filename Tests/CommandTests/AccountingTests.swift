import Foundation
import TestSupport
import Testing

/// Accounting and advice through the real command.
@Suite struct AccountingTests {
  private static func accounts(_ host: RunningHost) throws -> [[String: Any]] {
    let streams = try #require(try host.ask("stat --json").object()["workstreams"] as? [[String: Any]])
    return streams.flatMap { $0["work"] as? [[String: Any]] ?? [] }.compactMap { $0["accounting"] as? [String: Any] }
  }

  @Test func switchedOnAndOffUnderTraffic() throws {
    try Workbench.with(plugins: ["ether", "ip", "arp"]) { bench in
      try RunningHost.with(bench, ["--threads", "2", "--dispatch", "deferred"]) { host in
        #expect(try host.ask("get net.isr.accounting").output == "net.isr.accounting: 0\n")
        #expect(try Self.accounts(host).isEmpty)
        #expect(try !host.ask("stat").output.contains("Accounting"))
        #expect(try host.ask("set net.isr.accounting=2").status == 1)
        #expect(try host.ask("set net.isr.accounting=1").output == "net.isr.accounting: 0 -> 1\n")
        #expect(
          try eventually {
            try Self.accounts(host).contains { ($0["delay"] as? [String: Any])?["packets"] as? Int ?? 0 > 100 }
          })
        for account in try Self.accounts(host) {
          try expectShape(
            account,
            [
              "packets": .number, "batches": .number, "average_batch": .number, "ns_per_packet": .number,
              "longest_ns": .number,
            ])
          let packets = try #require(account["packets"] as? Int)
          let batches = try #require(account["batches"] as? Int)
          #expect(batches <= packets)
          guard let delay = account["delay"] as? [String: Any] else { continue }
          let times = try ["p50", "p90", "p99", "max"].map { try #require(delay[$0] as? Int) }
          #expect(times == times.sorted() && times[0] > 0)
        }
        let text = try host.ask("stat").output
        #expect(text.contains("Accounting, times in ns:") && text.contains("Delay p50"))
        #expect(try host.ask("set net.isr.accounting=0").output == "net.isr.accounting: 1 -> 0\n")
        #expect(try Self.accounts(host).isEmpty)
      }
    }
  }

  /// One interface, and so one workstream for ARP; then one worker for all.
  @Test func adviceOfARealHost() throws {
    try Workbench.with(plugins: ["ether", "ip", "arp"]) { bench in
      try RunningHost.with(bench, ["--threads", "2", "--dispatch", "deferred"]) { host in
        func advice() throws -> [[String: Any]] {
          try #require(try host.ask("stat --advice --json").object()["advice"] as? [[String: Any]])
        }
        #expect(
          try eventually {
            try advice().contains { $0["kind"] as? String == "one-workstream" && $0["name"] as? String == "arp" }
          })
        let text = try host.ask("stat --advice").output
        #expect(text.contains("netisr set net.isr.proto.arp.dispatch=hybrid\n"))
        #expect(text.contains("      netisr set net.isr.accounting=1\n"))
        // What it says to type is a command that works.
        for item in try advice() {
          guard let command = item["command"] as? String, command.hasPrefix("netisr set ") else { continue }
          let result = try host.ask(String(command.dropFirst("netisr ".count)))
          #expect(result.status == 0, "\(command): \(result.error)")
        }
        #expect(try !advice().contains { $0["kind"] as? String == "accounting-off" })
        #expect(try host.ask("set net.isr.maxthreads=1").status == 0)
        #expect(try host.ask("set net.isr.proto.ip.dispatch=deferred").status == 0)
        #expect(try eventually { try advice().contains { $0["kind"] as? String == "needless-queue" } })
      }
    }
  }

  @Test func adviceOfAShortQueue() throws {
    try Workbench.with(plugins: ["ether", "ip"]) { bench in
      // As many packets of one flow as there is room for.
      let echo = try bench.write(Captures.pcap([Captures.icmp(8)]), as: "echo.pcap")
      try RunningHost.with(bench, ["--interface", "file:\(echo)?loop", "--dispatch", "deferred"]) { host in
        let change = try host.ask("set net.isr.proto.ip.qlimit=16")
        #expect(change.status == 0)
        // A source that had just looked at the old limit may lose packets to the new one: then that is said.
        let isSaid = try eventually {
          let text = try host.ask("stat --advice").output
          return text.contains("queue-near-limit: a queue of ip had ")
            || text.contains(" packets of ip found their queue full")
        }
        let text = try host.ask("stat --advice").output
        #expect(isSaid && text.contains("netisr set net.isr.proto.ip.qlimit=64\n"), "\(text)")
      }
    }
  }
}
