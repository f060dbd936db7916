import ControlPlane

/// Statistics as `netstat -Q` prints them, and what it does not have: counters, packet memory and the balance.
enum StatisticsText {
  /// Everything, in paragraphs.
  static func all(_ statistics: HostStatistics, interfaces: Bool) -> String {
    var parts = [
      "Configuration:\n" + configuration(statistics.configuration),
      "Protocols:\n" + protocols(statistics.protocols),
      "Workstreams:\n" + workstreams(statistics.workstreams),
    ]
    if statistics.configuration.accounting {
      parts.append("Accounting, times in ns:\n" + accounting(statistics.workstreams))
      parts.append("Time by plugin, in us:\n" + time(statistics))
    }
    if interfaces, !statistics.interfaces.isEmpty {
      parts.append("Interfaces:\n" + InterfaceText.figures(statistics.interfaces))
    }
    parts.append("Counters:\n" + counters(statistics.counters))
    parts.append("Packet memory:\n" + mbufs(statistics.mbufs))
    parts.append(conservation(statistics.conservation))
    return parts.joined(separator: "\n")
  }

  private static func configuration(_ engine: EngineSummary) -> String {
    var table = TextTable([("Setting", .left), ("Current", .right), ("Limit", .right)])
    table.add(["Thread count", "\(engine.threads)", "\(engine.maxthreads)"])
    table.add(["Default queue limit", "\(engine.defaultqlimit)", "\(engine.maxqlimit)"])
    table.add(["Dispatch policy", engine.dispatch, "n/a"])
    table.add(["Threads bound to CPUs", engine.bindthreads ? "enabled" : "disabled", "n/a"])
    table.add(["Threads that poll", engine.polling ? "enabled" : "disabled", "n/a"])
    return table.text
  }

  private static func protocols(_ protocols: [ProtocolSummary]) -> String {
    var table = TextTable([
      ("Name", .left), ("Proto", .right), ("QLimit", .right), ("Policy", .left), ("Dispatch", .left), ("Flags", .left),
    ])
    for item in protocols {
      table.add([item.name, "\(item.proto)", "\(item.qlimit)", item.policy, item.dispatch, item.flags])
    }
    return table.text
  }

  private static func workstreams(_ workstreams: [WorkstreamSummary]) -> String {
    var table = TextTable([
      ("WSID", .right), ("CPU", .right), ("Name", .left), ("Len", .right), ("WMark", .right), ("Disp'd", .right),
      ("HDisp'd", .right), ("QDrops", .right), ("Queued", .right), ("Handled", .right),
    ])
    for stream in workstreams {
      for work in stream.work {
        table.add([
          "\(stream.wsid)", "\(stream.cpu)", work.name, "\(work.len)", "\(work.watermark)", "\(work.dispatched)",
          "\(work.hybridDispatched)", "\(work.qdrops)", "\(work.queued)", "\(work.handled)",
        ])
      }
    }
    return table.text
  }

  /// One line for each protocol and workstream that handled something since accounting was switched on.
  private static func accounting(_ workstreams: [WorkstreamSummary]) -> String {
    var table = TextTable([
      ("WSID", .right), ("Name", .left), ("Packets", .right), ("Batches", .right), ("Batch", .right),
      ("Each", .right), ("Longest", .right), ("Delay p50", .right), ("p90", .right), ("p99", .right), ("Max", .right),
    ])
    for stream in workstreams {
      for work in stream.work {
        guard let account = work.accounting, account.packets > 0 else { continue }
        let delays = account.delay.map { [$0.p50, $0.p90, $0.p99, $0.max].map { "\($0)" } }
        table.add(
          [
            "\(stream.wsid)", work.name, "\(account.packets)", "\(account.batches)", tenths(account.averageBatch),
            tenths(account.nanosecondsPerPacket), "\(account.longest)",
          ] + (delays ?? ["-", "-", "-", "-"]))
      }
    }
    return table.text
  }

  /// One line for each plugin and workstream, and one for their sum: what handlers and callouts took.
  private static func time(_ statistics: HostStatistics) -> String {
    var table = TextTable([
      ("Name", .left), ("WSID", .right), ("Handler", .right), ("Callbacks", .right), ("Total", .right),
      ("Share", .right),
    ])
    let plugins = statistics.pluginTime ?? []
    let whole = plugins.reduce(0) { $0 + $1.total }
    for plugin in plugins {
      for stream in statistics.workstreams {
        for work in stream.work where work.name == plugin.name {
          guard let account = work.accounting else { continue }
          let total = account.nanoseconds + account.callbackNanoseconds
          if total == 0 { continue }
          table.add([
            plugin.name, "\(stream.wsid)", microseconds(account.nanoseconds), microseconds(account.callbackNanoseconds),
            microseconds(total), "",
          ])
        }
      }
      let share = whole == 0 ? 0 : Double(plugin.total) / Double(whole) * 100
      table.add([
        plugin.name, "all", microseconds(plugin.handler), microseconds(plugin.callbacks), microseconds(plugin.total),
        tenths(share) + " %",
      ])
    }
    return table.text
  }

  private static func microseconds(_ nanoseconds: UInt64) -> String { "\((nanoseconds + 500) / 1000)" }

  /// "12.3".
  private static func tenths(_ value: Double) -> String {
    let tenths = Int((value * 10).rounded())
    return "\(tenths / 10).\(tenths % 10)"
  }

  /// One line for each that is not 0.
  private static func counters(_ groups: [String: [String: UInt64]]) -> String {
    var table = TextTable([("Name", .left), ("Value", .right)])
    var zeros = 0
    for (group, values) in groups.sorted(by: { $0.key < $1.key }) {
      zeros += values.values.count { $0 == 0 }
      for (name, value) in values.sorted(by: { $0.key < $1.key }) where value != 0 {
        table.add(["\(group).\(name)", "\(value)"])
      }
    }
    return table.text + (zeros == 0 ? "" : "(and \(zeros) at 0)\n")
  }

  private static func mbufs(_ memory: MbufSummary) -> String {
    var table = TextTable([
      ("Kind", .left), ("Allocated", .right), ("Free", .right), ("In flight", .right), ("Denied", .right),
      ("Bytes", .right), ("Limit", .right),
    ])
    for (kind, zone, limit) in [("mbufs", memory.mbufs, "\(memory.limit)"), ("clusters", memory.clusters, "")] {
      table.add([
        kind, "\(zone.allocated)", "\(zone.free)", "\(zone.inFlight)", "\(zone.denied)", "\(zone.bytes)", limit,
      ])
    }
    return table.text
  }

  /// "Balance: 10 received = 7 handled + 3 dropped (noproto 3) + 0 queued".
  private static func conservation(_ balance: ConservationSummary) -> String {
    let total = balance.dropped.values.reduce(0, +)
    let reasons = balance.dropped.sorted { $0.key < $1.key }.map { "\($0.key) \($0.value)" }.joined(separator: ", ")
    let sign = balance.balanced ? "=" : "IS NOT"
    return "Balance: \(balance.received) received \(sign) \(balance.handled) handled + \(total) dropped"
      + (reasons.isEmpty ? "" : " (\(reasons))") + " + \(balance.queued) queued\n"
  }
}
