// Queues that were full, or nearly.

extension Adviser {
  func queues(_ load: ProtocolLoad) -> [Advice] {
    if load.drops > 0 { return [drops(load)] }
    guard load.summary.qlimit > 0, load.watermark * 100 >= load.summary.qlimit * Self.nearLimit else { return [] }
    return [
      Advice(
        kind: .queueNearLimit, name: load.name,
        finding: "a queue of \(load.name) had \(load.watermark) packets, of at most \(load.summary.qlimit)",
        command: raise(load))
    ]
  }

  private func drops(_ load: ProtocolLoad) -> Advice {
    let arrivals = load.drops + load.queued
    var finding =
      "\(load.drops) packets of \(load.name) found their queue full, \(Self.percent(load.drops, of: arrivals)) of those "
      + "to be queued; the limit is \(load.summary.qlimit)"
    let streams = load.work.indices.filter { load.work[$0].qdrops > 0 }
    if streams.count == 1, load.work.count > 1 { finding += "; all in workstream \(streams[0])" }
    let command = raise(load)
    if load.drops * 10 > arrivals {
      finding +=
        "; with so many, a longer queue only makes the others wait longer: the handler is too slow for what comes"
    } else if command == nil {
      finding += "; that is the highest one of this host"
    }
    return Advice(kind: .queueDrops, name: load.name, finding: finding, command: command)
  }

  /// To the double, as far as the host goes.
  private func raise(_ load: ProtocolLoad) -> String? {
    let limit = min(max(load.summary.qlimit * 2, 64), statistics.configuration.maxqlimit)
    return limit > load.summary.qlimit ? "netisr set net.isr.proto.\(load.name).qlimit=\(limit)" : nil
  }
}
