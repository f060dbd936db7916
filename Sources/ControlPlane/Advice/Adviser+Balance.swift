// Workstreams that have too much to do beside others that have less.

extension Adviser {
  /// Over all protocols, and for each one that is spread at all.
  func imbalance() -> [Advice] {
    guard threads > 1 else { return [] }
    let total = totalUnevenness()
    let single = loads.compactMap { load -> Advice? in
      // A protocol that has all its packets in one workstream is told of elsewhere.
      guard load.placed.count(where: { $0 > 0 }) > 1, let found = unevenness(of: load.placed) else { return nil }
      return Advice(
        kind: .imbalance, name: load.name, finding: "\(load.name): \(found.text); \(cause(load))",
        command: explainCommand)
    }
    guard let total else { return single }
    var finding = total.text
    // Who makes the busiest one what it is.
    let work = statistics.workstreams[total.wsid].work
    if let most = work.max(by: { total.weight($0) < total.weight($1) }),
      let load = loads.first(where: { $0.name == most.name })
    {
      finding +=
        "; \(most.name) has \(Self.percent(total.weight(most), of: work.reduce(0) { $0 + total.weight($1) })) of that: "
        + (load.direct > load.queued + load.hybrid
          ? "direct dispatch handles packets where they are received, and they came in by \(sources)" : cause(load))
    }
    return [Advice(kind: .imbalance, name: nil, finding: finding, command: explainCommand)] + single
  }

  private typealias Weight = (WorkstreamSummary.Work) -> UInt64

  /// By the time that handlers took, where that is known, else by packets.
  private func totalUnevenness() -> (wsid: Int, text: String, weight: Weight)? {
    let timed = loads.flatMap(\.work).reduce(0) { $0 + ($1.accounting?.packets ?? 0) }
    let weight: Weight = timed >= Self.least ? { $0.accounting?.nanoseconds ?? 0 } : { $0.handled }
    let sums = statistics.workstreams.map { stream in stream.work.reduce(0) { $0 + weight($1) } }
    return unevenness(of: sums, timed >= Self.least ? "ns of the handlers' time" : "packets").map {
      ($0.wsid, $0.text, weight)
    }
  }

  private func unevenness(of sums: [UInt64], _ unit: String = "packets") -> (wsid: Int, text: String)? {
    let all = sums.reduce(0, +)
    guard all >= Self.least, let wsid = sums.indices.max(by: { sums[$0] < sums[$1] }) else { return nil }
    // With two, 1.5 of the even share is three quarters of everything.
    guard Double(sums[wsid]) >= Self.excess * Double(all) / Double(sums.count) else { return nil }
    return (
      wsid,
      "workstream \(wsid) has \(sums[wsid]) of \(all) \(unit), \(Self.percent(sums[wsid], of: all)), where an even "
        + "share among \(sums.count) is \(Self.percent(1, of: UInt64(sums.count)))"
    )
  }

  /// Why a protocol's packets spread as they do, as far as that can be known from here.
  func cause(_ load: ProtocolLoad) -> String {
    switch load.summary.policy {
    case "source":
      "its policy is SOURCE: all packets of one interface share a workstream, and packets came in by \(sources)"
    case "flow":
      load.summary.flags.contains("F")
        ? "its policy is FLOW: a flow is never split, so few or large flows spread unevenly"
        : "its policy is FLOW, and it computes no flow ids: packets that bring none go by their interface, and came in "
          + "by \(sources)"
    default: "its policy is CPU: its own nh_m2cpuid decides"
    }
  }

  /// "1 interface", "3 interfaces".
  private var sources: String {
    let count = statistics.interfaces.count { $0.entered > 0 }
    return count == 1 ? "1 interface" : "\(count) interfaces"
  }
}
