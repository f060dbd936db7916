/// One protocol's figures over all workstreams.
struct ProtocolLoad {
  let summary: ProtocolSummary
  /// The dispatch policy in force: its own, or the global one.
  let dispatch: String
  /// By workstream.
  let work: [WorkstreamSummary.Work]

  init(_ summary: ProtocolSummary, in statistics: HostStatistics) {
    self.summary = summary
    dispatch = summary.dispatch == "default" ? statistics.configuration.dispatch : summary.dispatch
    work = statistics.workstreams.compactMap { stream in stream.work.first { $0.name == summary.name } }
  }

  var name: String { summary.name }
  var handled: UInt64 { work.reduce(0) { $0 + $1.handled } }
  var queued: UInt64 { work.reduce(0) { $0 + $1.queued } }
  var direct: UInt64 { work.reduce(0) { $0 + $1.dispatched } }
  var hybrid: UInt64 { work.reduce(0) { $0 + $1.hybridDispatched } }
  var drops: UInt64 { work.reduce(0) { $0 + $1.qdrops } }
  var watermark: Int { work.map(\.watermark).max() ?? 0 }

  /// Packets that were given to a workstream: queued, or handled in its worker's place.
  var placed: [UInt64] { work.map { $0.queued + $0.hybridDispatched } }

  /// The time of a packet in its handler, in nanoseconds; nil when it is not known, or too few were timed to say.
  var cost: Double? {
    let accounts = work.compactMap(\.accounting)
    let packets = accounts.reduce(0) { $0 + $1.packets }
    guard packets >= Adviser.least else { return nil }
    return Double(accounts.reduce(0) { $0 + $1.nanoseconds }) / Double(packets)
  }
}
