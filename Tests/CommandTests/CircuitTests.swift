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

/// Two kernels, and between them two vnets of one host that a circuit joins:
///
///     a --a0=ra-- vnet 0 ==line== vnet 2 --rb=b0-- b
@Suite(.enabled(if: NetworkNamespace.obstacle == nil, "skipped: \(NetworkNamespace.obstacle ?? "")"), .serialized)
struct LiveCircuitTests {
  @Test(arguments: ["llc", "vc"]) func packetsCrossACircuit(encapsulation: String) throws {
    try Workbench.with(plugins: ["ether", "arp", "ip", "natm", "route"]) { bench in
      let (a, r, b) = (try NetworkNamespace(), try NetworkNamespace(), try NetworkNamespace())
      for (side, peer, network) in [("a", a, 1), ("b", b, 2)] {
        try r.ip("link add r\(side) type veth peer name \(side)0 netns \(peer.name)")
        for (namespace, device) in [(r, "r\(side)"), (peer, "\(side)0")] {
          _ = try namespace.output(of: "sysctl -q net.ipv6.conf.\(device).disable_ipv6=1")
          try namespace.ip("link set \(device) up")
        }
        try peer.ip("addr add 10.9.\(network).1/24 dev \(side)0")
        try peer.ip("route add default via 10.9.\(network).2")
      }
      let line = "atm:line?pvc=1/77&encap=\(encapsulation)&inet=10.5.0.1/30&peer-inet=10.5.0.2/30&peer-vnet=2"
      let specs = ["packet:ra?inet=10.9.1.2/24", "packet:rb?inet=10.9.2.2/24&vnet=2", line]
      let host = try RunningHost(bench, specs.flatMap { ["--interface", $0] }, under: r.prefix)
      defer { if host.running.process.isRunning { host.running.process.terminate() } }
      #expect(try host.ask("set net.inet.ip.forwarding=1").status == 0)
      #expect(try host.ask("route add 10.9.2.0/24 via 10.5.0.2").output.contains("dev linea"))
      #expect(try host.ask("route add 10.9.1.0/24 via 10.5.0.1 --vnet 2").output.contains("dev lineb"))
      func ping(_ options: String) throws -> String { try a.output(of: "ping -q \(options) 10.9.2.1") }
      #expect(try eventually { try ping("-c 1 -W 1").contains(" 1 received") })
      // Whether the kernel at the one end hears from the other; ping(8) itself does not wait for what is late.
      func answers(to options: String) throws -> Int {
        func replies() throws -> Int {
          let lines = try a.output(of: "cat /proc/net/snmp").split(separator: "\n").filter { $0.hasPrefix("Icmp:") }
          let (names, values) = (lines[0].split(separator: " "), lines[1].split(separator: " "))
          return Int(values[try #require(names.firstIndex(of: "InEchoReps"))]) ?? 0
        }
        let before = try replies()
        let sent = try ping(options).split(separator: "\n").first { $0.contains("packets transmitted") } ?? ""
        let count = Int(sent.split(separator: " ").first ?? "") ?? 0
        #expect(try eventually { try replies() - before >= count }, "\(options): not all of \(sent)")
        return count
      }
      #expect(try answers(to: "-c 100 -i 0.005 -W 2") == 100)
      #expect(try answers(to: "-c 20 -i 0.01 -W 2 -s 1472") == 20)
      // In fragments, all of them through the circuit.
      #expect(try answers(to: "-c 20 -i 0.02 -W 2 -s 20000") == 20)
      let route = try a.output(of: "ping -c 1 -W 2 -R 10.9.2.1")
      #expect(route.contains("10.5.0.1") && route.contains("10.9.2.2"), "\(route)")
      let sent = try host.figure("counters", "natm", "snd_pdus")
      #expect(sent > 400)
      #expect(try host.figure("counters", "natm", "ip") == sent)
      for counter in ["badcrc", "badhec", "badlen", "nocircuit", "snd_failed", "snd_nocircuit"] {
        #expect(try host.figure("counters", "natm", counter) == 0, "\(counter)")
      }
      #expect(try host.end().status == 0)
    }
  }
}
