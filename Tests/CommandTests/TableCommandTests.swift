import Foundation
import TestSupport
import Testing

/// `netisr table`, against a running host.
@Suite struct TableCommandTests {
  @Test func listsAndShowsTables() throws {
    try Workbench.with(plugins: ["ether", "arp", "ip", "route"]) { bench in
      try RunningHost.with(bench) { host in
        func neighbours() throws -> [[String: Any]] {
          try host.ask("table show arp.neighbours --json").object()["rows"] as? [[String: Any]] ?? []
        }
        #expect(try eventually { try !neighbours().isEmpty })
        let row = try #require(try neighbours().first)
        let key = try #require(row["key"] as? [String: Any])
        let value = try #require(row["value"] as? [String: Any])
        #expect(key["interface"] as? Int == 1 && (key["address"] as? String)?.split(separator: ".").count == 4)
        #expect((value["link"] as? String)?.split(separator: ":").count == 6 && value["seen"] is Int)

        let list = try host.ask("table list --json").object()["tables"] as? [[String: Any]] ?? []
        let table = try #require(list.first { $0["name"] as? String == "arp.neighbours" })
        #expect(table["kind"] as? String == "hash" && table["owner"] as? String == "arp")
        #expect(table["key_size"] as? Int == 8 && table["value_size"] as? Int == 32)
        #expect(table["max_entries"] as? Int == 16384 && table["holds_packets"] as? Bool == false)
        let vnets = try #require(table["vnets"] as? [[String: Any]])
        #expect(vnets.count == 1 && vnets[0]["vnet"] as? Int == 0 && (vnets[0]["entries"] as? Int ?? 0) > 0)
        #expect(list.contains { $0["kind"] as? String == "lpm" })

        let text = try host.ask("table list").output
        #expect(text.contains("arp.neighbours") && text.contains("route.inet6"))
        let shown = try host.ask("table show arp.neighbours").output.split(separator: "\n")
        #expect(shown.first?.contains("address") == true && shown.count >= 2)
        #expect(try host.ask("table show arp.neighbours --vnet 3").status == 0)
        let none = try host.ask("table show arp.neighbours --limit 0")
        #expect(none.status == 0 && none.output.contains("more"))
      }
    }
  }

  @Test func saysWhatIsWrong() throws {
    try Workbench.with(plugins: ["ether", "arp"]) { bench in
      try RunningHost.with(bench) { host in
        let missing = try host.ask("table show arp.neighbour")
        #expect(missing.status == 1)
        #expect(missing.complaints == ["netisr: there is no table 'arp.neighbour'; did you mean 'arp.neighbours'?"])
        #expect(try host.ask("table show arp.neighbours --vnet 256").status == 1)
        #expect(try host.ask("table show").status == 64)
        #expect(try host.ask("table show arp.neighbours --limit -1").status == 64)
        #expect(try HTTP.exchange(host.socket, "GET /v1/tables/arp.neighbours?vnet=x", body: "").status == 400)
        #expect(try HTTP.exchange(host.socket, "DELETE /v1/tables", body: "").status == 405)
      }
    }
  }
}
