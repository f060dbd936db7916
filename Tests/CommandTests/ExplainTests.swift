import Foundation
import TestSupport
import Testing

@Suite struct ExplainTests {
  /// ARP from three stations, and echo requests and replies of two pairs.
  private static let frames = Captures.pingWithARP + [Captures.arp(3), [1, 2, 3]]

  private struct Step {
    var name: String
    var outcome: String
    var policy: String?
    var via: String?
    var workstream: Int?
    var flow: [String: Any]?
    var why: String

    init(_ object: [String: Any]) throws {
      name = try #require(object["name"] as? String)
      outcome = try #require(object["outcome"] as? String)
      why = try #require(object["why"] as? String)
      policy = object["policy"] as? String
      via = object["via"] as? String
      workstream = object["workstream"] as? Int
      flow = object["flow"] as? [String: Any]
    }
  }

  private static func steps(_ frame: [String: Any]) throws -> [Step] {
    try #require(frame["steps"] as? [[String: Any]]).map(Step.init)
  }

  private static func explain(
    _ bench: Workbench, _ arguments: String, _ file: String
  ) throws -> (report: [String: Any], frames: [[String: Any]]) {
    let result = try Command.run("explain --json --plugins \(bench.plugins) \(arguments)", file)
    #expect(result.status == 0 && result.error == "", "\(result.error)")
    let report = try result.object()
    return (report, try #require(report["frames"] as? [[String: Any]]))
  }

  @Test func everyFrameAndWhy() throws {
    try Workbench.with(plugins: ["ether", "ip", "arp"]) { bench in
      let file = try bench.write(Captures.pcap(Self.frames), as: "ping.pcap")
      let (report, frames) = try Self.explain(bench, "--threads 4", file)
      try expectShape(
        report,
        [
          "captures": .array(
            .object([
              "file": .string, "linktype": .string, "interface": .string, "interface_index": .number, "frames": .number,
            ])),
          "configuration": .object(["threads": .number, "dispatch": .string]),
          "frames": .array(
            .object(["file": .string, "frame": .number, "bytes": .number, "steps": .array(.object(["why": .string]))])),
          "summary": .object([
            "frames": .number, "refused": .number,
            "workstreams": .array(.object(["wsid": .number, "packets": .number, "share": .number])),
            "protocols": .array(.object(["name": .string, "packets": .number, "groups": .number])),
          ]),
        ])
      #expect(frames.map { $0["frame"] as? Int } == [1, 2, 3, 4, 5, 6])
      #expect(frames.map { $0["bytes"] as? Int } == Self.frames.map(\.count))
      // ARP goes by its source: interface 1, source 0.
      let arp = try Self.steps(frames[0])
      #expect(arp.map(\.name) == ["ether", "arp"])
      #expect(arp[0].outcome == "at-once" && arp[0].workstream == nil, "ether asks for direct dispatch")
      #expect(arp[1].via == "ether" && arp[1].policy == "source" && arp[1].workstream == 1)
      #expect(arp[1].why == "(interface 1 (file0) + source 0) % 4 = 1")
      // IP goes by its flow: the request's and the reply's is the same.
      let (request, reply) = (try Self.steps(frames[2])[1], try Self.steps(frames[3])[1])
      let flow = try #require(request.flow?["id"] as? Int)
      #expect(flow == reply.flow?["id"] as? Int)
      #expect(request.flow?["from"] as? String == "nh_m2flow")
      #expect(request.workstream == flow % 4 && reply.workstream == flow % 4)
      #expect(request.why.hasSuffix("% 4 = \(flow % 4)") && request.why.contains("flow \(flow) "))
      #expect(request.outcome == "queued")
      // Three bytes are for ether to drop.
      #expect(try Self.steps(frames[5]).map(\.name) == ["ether"])
      let summary = try #require(report["summary"] as? [String: Any])
      #expect(summary["frames"] as? Int == 6)
      let work = try #require(summary["protocols"] as? [[String: Any]])
      let ip = try #require(work.first { $0["name"] as? String == "ip" })
      #expect(ip["packets"] as? Int == 2 && ip["groups"] as? Int == 1)
      #expect((ip["largest"] as? [String: Any])?["key"] as? String == "flow \(flow)")
      #expect((ip["largest"] as? [String: Any])?["share"] as? Double == 1)
      let streams = try #require(summary["workstreams"] as? [[String: Any]])
      #expect(streams.reduce(0) { $0 + ($1["packets"] as? Int ?? 0) } == 5)
    }
  }

  /// Where frames are said to go is where a replay of them puts them.
  @Test(arguments: ["hybrid", "deferred"])
  func agreesWithReplay(dispatch: String) throws {
    try Workbench.with(plugins: ["ether", "ip", "ip6", "arp", "igmp", "natm", "route"]) { bench in
      let stations = (1...40).map { Captures.fragment(UInt8($0), id: UInt16($0), at: 0, isLast: true) }
      let file = try bench.write(Captures.pcap(stations + Self.frames), as: "mixed.pcap")
      let (report, _) = try Self.explain(bench, "--threads 3 --summary --dispatch \(dispatch)", file)
      let replayed = try Command.run(
        "replay --json --plugins \(bench.plugins) --threads 3 --dispatch \(dispatch)", file
      ).object()
      let work = try #require((report["summary"] as? [String: Any])?["protocols"] as? [[String: Any]])
      let streams = try #require(replayed["workstreams"] as? [[String: Any]])
      for item in work {
        let name = try #require(item["name"] as? String)
        let said = try #require(item["workstreams"] as? [Int])
        let found = try streams.map { stream in
          let figures = try #require((stream["work"] as? [[String: Any]])?.first { $0["name"] as? String == name })
          return (figures["queued"] as? Int ?? 0) + (figures["hybrid_dispatched"] as? Int ?? 0)
        }
        #expect(said == found, "\(name)")
      }
      #expect(work.contains { $0["name"] as? String == "ip" && ($0["groups"] as? Int ?? 0) > 20 })
    }
  }

  @Test func oneFrameOfMany() throws {
    try Workbench.with(plugins: ["ether", "ip"]) { bench in
      let file = try bench.write(Captures.pcap(Self.frames), as: "ping.pcap")
      let (report, frames) = try Self.explain(bench, "--frame 2", file)
      #expect(frames.map { $0["frame"] as? Int } == [2])
      // Nobody serves ARP here.
      let steps = try #require(frames[0]["steps"] as? [[String: Any]])
      #expect(steps.map { $0["name"] as? String } == ["ether", "arp"])
      #expect(steps[1]["outcome"] as? String == "dropped" && steps[1]["reason"] as? String == "noproto")
      #expect((report["summary"] as? [String: Any])?["frames"] as? Int == 2, "those before it were sent as well")
      let text = try Command.run("explain --plugins \(bench.plugins) --frame 3 --threads 2", file)
      #expect(text.output.contains("Frame 3, "))
      #expect(text.output.contains("by nh_m2flow) % 2 = "))
      let limited = try Command.run("explain --plugins \(bench.plugins) --limit 2", file)
      #expect(limited.output.contains("its first 2 frames") && limited.output.contains("2 frames, 0 of them"))
    }
  }

  @Test func directDispatchSelectsNone() throws {
    try Workbench.with(plugins: ["ether", "ip", "arp"]) { bench in
      let file = try bench.write(Captures.pcap(Self.frames), as: "ping.pcap")
      let text = try Command.run("explain --plugins \(bench.plugins) --dispatch direct", file).output
      #expect(text.contains("direct dispatch selects no workstream"))
      #expect(text.contains("No workstream was selected"))
    }
  }

  @Test func whatCanNotBeExplained() throws {
    try Workbench.with(plugins: ["ether"]) { bench in
      let file = try bench.write(Captures.pcap(Self.frames), as: "ping.pcap")
      let beyond = try Command.run("explain --plugins \(bench.plugins) --frame 99", file)
      #expect(beyond.status == 1)
      #expect(beyond.complaints == ["netisr: \(file): frame 99: the capture has 6"])
      let missing = try Command.run("explain --plugins \(bench.plugins)", bench.path + "/none.pcap")
      #expect(missing.status == 1 && missing.complaints.count == 1 && missing.output == "")
      let damaged = try bench.write(Array(Captures.pcap(Self.frames).dropLast(2)), as: "cut.pcap")
      let part = try Command.run("explain --json --plugins \(bench.plugins)", damaged)
      #expect(part.status == 1 && part.complaints.count == 1)
      #expect((try part.object()["frames"] as? [Any])?.count == 5, "what came before the damage")
      let nothing = try Command.run("explain --plugins \(bench.path)", file)
      #expect(nothing.error.contains("no plugins (*.so)"))
      let refused = try bench.write(Captures.pcap(linkType: 0, [[9, 9, 9, 9, 1]]), as: "null.pcap")
      let text = try Command.run("explain --plugins \(bench.plugins)", refused).output
      #expect(text.contains("no protocol takes address family"))
    }
  }

  @Test func asARunningHostWould() throws {
    try Workbench.with(plugins: ["ether", "ip", "arp"]) { bench in
      let file = try bench.write(Captures.pcap(Self.frames), as: "frames.pcap")
      try RunningHost.with(bench, ["--threads", "3", "--dispatch", "hybrid"]) { host in
        #expect(try host.ask("set net.isr.proto.arp.dispatch=deferred").status == 0)
        let result = try host.ask("explain --json --running \(file)")
        #expect(result.status == 0, "\(result.error)")
        let report = try result.object()
        let configuration = try #require(report["configuration"] as? [String: Any])
        #expect(configuration["threads"] as? Int == 3 && configuration["dispatch"] as? String == "hybrid")
        let frames = try #require(report["frames"] as? [[String: Any]])
        let arp = try #require((frames[0]["steps"] as? [[String: Any]])?.last)
        #expect(arp["dispatch"] as? String == "deferred" && arp["outcome"] as? String == "queued")
        #expect(arp["workstream"] as? Int == 1)
      }
    }
  }
}
