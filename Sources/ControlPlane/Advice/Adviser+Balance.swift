// Workstreams that have too much to do beside others that have less.

extension Adviser {
  /// Over all protocols, and for each one that is spread at all.
  func imbalance() -> [Advice] {
    guard threads > 1 else { return [] }
    let total = unevenness(of: statistics.workstreams.map { stream in stream.work.reduce(0) { $0 + $1.handled } })
    let single = loads.compactMap { load -> Advice? in
      // A protocol that has all its packets in one workstream is told of elsewhere.
      guard load.placed.count(where: { $0 > 0 }) > 1, let found = unevenness(of: load.placed) else { return nil }
      return Advice(
        kind: .imbalance, name: load.name, finding: "\(load.name): \(found.text); \(cause(load))", command: explainCommand)
    }
    guard let total else { return single }
    var finding = total.text
    // Whose packets make the busiest one what it is.
    if let work = statistics.workstreams[total.wsid].work.max(by: { $0.handled < $1.handled }),
      let load = loads.first(where: { $0.name == work.name })
    {
      finding +=
        "; \(work.name) has \(Self.percent(work.handled, of: total.packets)) of that: "
        + (load.direct > load.queued + load.hybrid
          ? "direct dispatch handles packets where they are received, by \(sources)" : cause(load))
    }
    return [Advice(kind: .imbalance, name: nil, finding: finding, command: explainCommand)] + single
  }

  private func unevenness(of packets: [UInt64]) -> (wsid: Int, packets: UInt64, text: String)? {
    let all = packets.reduce(0, +)
    guard all >= Self.least, let wsid = packets.indices.max(by: { packets[$0] < packets[$1] }) else { return nil }
    let even = Double(all) / Double(packets.count)
    guard Double(packets[wsid]) >= Self.excess * even else { return nil }
    // With two, "1.5 of the even share" is three quarters of everything.
    let text =
      "workstream \(wsid) has \(packets[wsid]) of \(all) packets, \(Self.percent(packets[wsid], of: all)), where an even "
      + "share of \(packets.count) is \(Self.percent(1, of: UInt64(packets.count)))"
    return (wsid, packets[wsid], text)
  }

  /// Why a protocol's packets spread as they do, as far as that can be known from here.
  func cause(_ load: ProtocolLoad) -> String {
    switch load.summary.policy {
    case "source":
      "its policy is SOURCE: all packets of one interface share a workstream, and there are \(sources)"
    case "flow":
      load.summary.flags.contains("F")
        ? "its policy is FLOW: a flow is never split, so few or large flows spread unevenly"
        : "its policy is FLOW, and it computes no flow ids: packets that bring none go by their interface, of \(sources)"
    default: "its policy is CPU: its own nh_m2cpuid decides"
    }
  }

  /// "1 interface", "3 interfaces".
  private var sources: String {
    let count = statistics.interfaces.count { $0.entered > 0 }
    return count == 1 ? "1 interface" : "\(count) interfaces"
  }
}
