import Foundation
import TestSupport
import Testing

/// A plugin that takes an interface's thread away, seen from the other end of the link.
@Suite(
  .serialized, .enabled(if: NetworkNamespace.obstacle == nil, "skipped: \(NetworkNamespace.obstacle ?? "")"),
  .enabled(if: CPlugin.sanitizer == nil, "skipped: the sanitizer stands in front of the library"))
struct LostThreadCommandTests {
  /// ARP is answered before and after the ping that hangs; when a good build is dropped in, so are pings. With one
  /// workstream, so that hybrid dispatch handles on the interface's thread, too.
  @Test(arguments: ["direct", "hybrid"])
  func theLinkIsServedOn(_ dispatch: String) throws {
    try Workbench.with(plugins: ["ether", "arp"]) { bench in
      let file = bench.path + "/stuck.so"
      try CPlugin.compile(CPlugin.stuck(atPacket: 1), to: file)
      try bench.drop(file, as: "ip.so")
      let namespace = try NetworkNamespace()
      try namespace.makeLink()
      let host = try RunningHost(
        bench, ["--interface", "packet:near?inet=10.9.0.2/24", "--dispatch", dispatch, "--threads", "1"],
        under: namespace.prefix)
      defer { host.running.process.terminate() }
      let address = try namespace.linkAddress("near")
      try namespace.ip("neigh replace 10.9.0.2 lladdr \(address) dev far")
      #expect(try host.ask("set net.isr.watchdog=20").status == 0)
      #expect(try eventually { try host.figure("counters", "arp", "txannounces") >= 1 })
      func isAnswered() throws -> Bool {
        try namespace.output(of: "arping -c 1 -w 2 -I far 10.9.0.2").lowercased().contains(address)
      }
      #expect(try isAnswered())

      _ = try namespace.output(of: "ping -q -c 1 -W 1 10.9.0.2")
      func outcome() throws -> String? {
        let faults = try host.ask("faults --json").object()["faults"] as? [[String: Any]] ?? []
        return faults.first { $0["summary"] as? String == "never returned" }?["outcome"] as? String
      }
      #expect(try eventually { try outcome() != nil })
      let said = try outcome() ?? ""
      #expect(said.hasPrefix("its thread is lost; near goes on with another thread"), "\(said)")
      for _ in 0..<3 { #expect(try isAnswered()) }

      try bench.drop(Fixtures.plugin("ip"), as: "ip.so")
      #expect(try eventually { try host.shows("ip.so", state: "serving", generation: 2) })
      let pings = try namespace.output(of: "ping -q -c 3 -i 0.2 -W 2 10.9.0.2")
      #expect(pings.contains("3 received"), "\(pings)")
      let balance = try #require(try host.ask("stat --json").object()["conservation"] as? [String: Any])
      #expect(balance["balanced"] as? Bool == true, "\(balance)")
      #expect(Set((balance["dropped"] as? [String: Int])?.keys.map(\.self) ?? []) == ["fault"], "\(balance)")
      let ended = try host.end()
      #expect(ended.status == 0, "\(ended.error)")
    }
  }
}
