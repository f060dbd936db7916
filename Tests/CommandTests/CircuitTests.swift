import Foundation
import TestSupport
import Testing

/// `atm:NAME`: permanent circuits between vnets of one host, by the real command.
@Suite struct CircuitTests {
  @Test func aCircuitIsMadeAndGoes() throws {
    try Workbench.with(plugins: ["natm", "ip", "route"]) { bench in
      try RunningHost.with(
        bench, ["--interface", "atm:line?pvc=3/100&encap=vc&inet=10.5.0.1/24&peer-inet=10.5.0.2/24&peer-vnet=2"]
      ) { host in
        let list = try host.ask("if list --json").object()["interfaces"] as? [[String: Any]] ?? []
        let ends = list.filter { $0["kind"] as? String == "atm" }
        #expect(ends.map { $0["name"] as? String } == ["linea", "lineb"])
        #expect(ends.map { $0["vnet"] as? Int } == [0, 2] && ends.allSatisfy { $0["mtu"] as? Int == 9180 })
        let circuits = try host.ask("table show shared.circuits --json").object()["rows"] as? [[String: Any]] ?? []
        let values = circuits.compactMap { $0["value"] as? [String: Any] }
        #expect(values.count == 2)
        #expect(
          values.allSatisfy {
            $0["vpi"] as? Int == 3 && $0["vci"] as? Int == 100 && $0["encapsulation"] as? Int == 2
          })
        #expect(try host.ask("route get 10.5.0.9").output == "10.5.0.9: connected 10.5.0.0/24 dev linea\n")
        #expect(try host.ask("if add atm:line").error.contains("is there already"))
        #expect(try host.ask("if add atm:other?pvc=300/5").status == 64)
        #expect(try host.ask("if add atm:other?encap=none").status == 64)
        #expect(try host.ask("if remove line").status == 0)
        let rest = try host.ask("table show shared.circuits --json").object()["rows"] as? [[String: Any]]
        #expect(rest?.isEmpty == true)
      }
    }
  }
}
