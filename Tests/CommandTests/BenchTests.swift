import Testing

/// What it measures is the machine's; that it measures is tested.
@Suite(.serialized) struct BenchTests {
  @Test func oneObjectWithPositiveFigures() throws {
    let result = try Command.run("bench --quick --rounds 1 --json")
    #expect(result.status == 0, "\(result.error)")
    #expect(result.error == "")
    #expect(result.output.split(separator: "\n").count == 1)
    let object = try result.object()
    for name in ["direct", "direct_batch", "hybrid", "hybrid_batch", "deferred", "deferred_batch"] {
      let form = try #require(object[name] as? [String: Any], "\(name)")
      #expect(try #require(form["ns_per_packet"] as? Double) > 0)
      #expect(form["supply"] as? String == "shuffled")
      let baseline = try #require(form["baseline"] as? [String: Any])
      #expect(try #require(baseline["median"] as? Double) > 0)
      #expect(try #require(form["rounds"] as? Int) > 0)
    }
    #expect((object["rows"] as? [Any])?.count == 18)
    for side in ["engine", "polling", "baseline"] {
      let latency = try #require((object["latency"] as? [String: Any])?[side] as? [String: Double])
      let (p50, p99, max) = (try #require(latency["p50"]), try #require(latency["p99"]), try #require(latency["max"]))
      #expect(0 < p50 && p50 <= p99 && p99 <= max)
    }
    let idle = try #require(object["idle"] as? [String: Double])
    #expect(try #require(idle["polling"]) > (try #require(idle["cpu"])), "workers that poll cost something")
    #expect((object["memory"] as? [Any])?.count == 3)
    #expect(object["two_senders"] != nil)
  }

  @Test func onlyWhatIsNamed() throws {
    let result = try Command.run("bench --quick --rounds 1 hybrid")
    #expect(result.status == 0, "\(result.error)")
    #expect(result.output.hasPrefix("Form"))
    #expect(result.output.split(separator: "\n").filter { $0.hasPrefix("hybrid ") }.count == 3)
    #expect(!result.output.contains("deferred"))
  }
}
