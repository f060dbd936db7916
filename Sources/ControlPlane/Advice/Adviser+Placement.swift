// Protocols that workers are of no use to, or that make no use of them. One finding for each protocol at most: the one
// that goes by the most that is known.

extension Adviser {
  func placement(_ load: ProtocolLoad) -> Advice? {
    guard load.handled >= Self.least else { return nil }
    return smallHandler(load) ?? oneWorkstream(load) ?? idleWorkers(load)
  }

  /// Handing a packet over costs more than handling it.
  private func smallHandler(_ load: ProtocolLoad) -> Advice? {
    guard let cost = load.cost, cost < Self.handOver.far, load.queued > load.direct + load.hybrid else { return nil }
    let bound =
      cost < Self.handOver.near
      ? "no more than a hand-over between near CPUs" : "less than a hand-over between far CPUs (60 ns; near ones 20)"
    return Advice(
      kind: .smallHandler, name: load.name,
      finding: "\(load.name)'s handler takes \(Self.time(cost)) a packet, \(bound), and "
        + "\(Self.percent(load.queued, of: load.handled)) of its packets are queued: more workers gain it nothing",
      // What a protocol asked for itself, it may rely on: the order that it declares.
      command: "netisr set net.isr.proto.\(load.name).dispatch="
        + (load.summary.dispatch == "default" ? "direct" : "hybrid"))
  }

  /// Everything in one workstream, however many there are.
  private func oneWorkstream(_ load: ProtocolLoad) -> Advice? {
    let placed = load.placed
    let all = placed.reduce(0, +)
    guard threads > 1, all >= Self.least, let wsid = placed.firstIndex(of: all) else { return nil }
    var finding =
      "all \(all) packets of \(load.name) that were given to a workstream went to \(wsid): it gains nothing from more "
      + "than one worker; \(cause(load))"
    if load.dispatch == "deferred" { finding += "; hybrid dispatch keeps the same order, and queues less" }
    let command = load.dispatch == "deferred" ? "netisr set net.isr.proto.\(load.name).dispatch=hybrid" : explainCommand
    return Advice(kind: .oneWorkstream, name: load.name, finding: finding, command: command)
  }

  /// Deferred, with a single worker: where hybrid dispatch would call most handlers at once. One finding for all that the
  /// same setting changes.
  func needlessQueues() -> [Advice] {
    guard threads == 1 else { return [] }
    let found = loads.filter {
      $0.dispatch == "deferred" && $0.handled >= Self.least && $0.queued > $0.direct + $0.hybrid
        && smallHandler($0) == nil
    }
    let general = found.filter { $0.summary.dispatch == "default" }
    let own = found.filter { $0.summary.dispatch != "default" }
    return (general.isEmpty ? [] : [needlessQueue(general, "net.isr.dispatch")])
      + own.map { needlessQueue([$0], "net.isr.proto.\($0.name).dispatch") }
  }

  private func needlessQueue(_ loads: [ProtocolLoad], _ setting: String) -> Advice {
    Advice(
      kind: .needlessQueue, name: loads.count == 1 ? loads[0].name : nil,
      finding: loads.map(\.name).joined(separator: ", ")
        + ": \(loads.reduce(0) { $0 + $1.queued }) packets were queued for the only worker; hybrid dispatch keeps "
        + "the same order, and calls a handler at once when nobody else runs it",
      command: "netisr set \(setting)=hybrid")
  }

  /// Direct, though the handler is worth a worker, on fewer CPUs than there are.
  private func idleWorkers(_ load: ProtocolLoad) -> Advice? {
    guard threads > 1, load.dispatch == "direct", load.direct == load.handled, let cost = load.cost,
      cost >= 2 * Self.handOver.far, load.summary.policy != "source"
    else { return nil }
    let busy = load.work.count { $0.handled > 0 }
    guard busy < threads else { return nil }
    return Advice(
      kind: .idleWorkers, name: load.name,
      finding: "\(load.name)'s handler takes \(Self.time(cost)) a packet, and direct dispatch calls it on \(busy) of "
        + "\(threads) CPUs only; by its policy, \(load.summary.policy.uppercased()), workers could share the packets",
      command: "netisr set net.isr.proto.\(load.name).dispatch=hybrid")
  }
}
