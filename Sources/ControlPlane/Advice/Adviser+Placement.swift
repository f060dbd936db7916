// Protocols that workers are of no use to, or that make no use of them. One finding for each protocol at most: the one that goes
// by the most that is known.

extension Adviser {
  func placement(_ load: ProtocolLoad) -> Advice? {
    guard load.handled >= Self.least else { return nil }
    return smallHandler(load) ?? oneWorkstream(load) ?? needlessQueue(load) ?? idleWorkers(load)
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
      command: "netisr set net.isr.proto.\(load.name).dispatch=direct")
  }

  /// Everything in one workstream, however many there are.
  private func oneWorkstream(_ load: ProtocolLoad) -> Advice? {
    let placed = load.placed
    let all = placed.reduce(0, +)
    guard threads > 1, all >= Self.least, let wsid = placed.firstIndex(of: all) else { return nil }
    var finding =
      "all \(all) packets of \(load.name) that were given to a workstream went to \(wsid): it gains nothing from more than "
      + "one worker; \(cause(load))"
    if load.dispatch == "deferred" { finding += "; hybrid dispatch keeps the same order, and queues less" }
    let command = load.dispatch == "deferred" ? "netisr set net.isr.proto.\(load.name).dispatch=hybrid" : explainCommand
    return Advice(kind: .oneWorkstream, name: load.name, finding: finding, command: command)
  }

  /// Deferred, with a single worker: where hybrid dispatch would call most handlers at once.
  private func needlessQueue(_ load: ProtocolLoad) -> Advice? {
    guard threads == 1, load.dispatch == "deferred", load.queued > load.direct + load.hybrid else { return nil }
    let own = load.summary.dispatch == "default" ? "net.isr.dispatch" : "net.isr.proto.\(load.name).dispatch"
    return Advice(
      kind: .needlessQueue, name: load.name,
      finding: "\(load.name) queues every packet for the only worker: hybrid dispatch keeps the same order, and calls the "
        + "handler at once when nobody else runs it",
      command: "netisr set \(own)=hybrid")
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
