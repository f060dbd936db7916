/// What one plugin's code took on all workstreams, since accounting was switched on, in nanoseconds.
public struct PluginTimeSummary: Codable, Sendable {
  /// The protocol's name, which is the plugin's.
  public var name: String
  /// Its handler, without others that it called at once.
  public var handler: UInt64
  /// Its callouts, and its function for drained queues.
  public var callbacks: UInt64
  /// Both.
  public var total: UInt64

  enum CodingKeys: String, CodingKey {
    case name
    case handler = "handler_ns"
    case callbacks = "callback_ns"
    case total = "total_ns"
  }

  /// The sums over workstreams, by name; those that took nothing are left out.
  static func sums(of workstreams: [WorkstreamSummary]) -> [PluginTimeSummary] {
    var sums: [String: PluginTimeSummary] = [:]
    for work in workstreams.flatMap(\.work) {
      guard let account = work.accounting else { continue }
      var sum = sums[work.name] ?? PluginTimeSummary(name: work.name, handler: 0, callbacks: 0, total: 0)
      sum.handler += account.nanoseconds
      sum.callbacks += account.callbackNanoseconds
      sum.total = sum.handler + sum.callbacks
      sums[work.name] = sum
    }
    return sums.values.filter { $0.total > 0 }.sorted { $0.name < $1.name }
  }
}
