import ControlPlane

/// Plugins as `netisr list` prints them.
enum PluginText {
  /// A table, with the reasons below refused and resident ones.
  static func list(_ plugins: [PluginSummary]) -> String {
    var table = TextTable([
      ("Name", .left), ("File", .left), ("Gen", .right), ("State", .left), ("Proto", .right), ("Mbufs", .right),
      ("Bytes", .right),
      ("Build-ID", .left),
    ])
    for plugin in plugins {
      table.add([
        plugin.name ?? "-", plugin.file, plugin.generation == 0 ? "-" : "\(plugin.generation)", plugin.state,
        plugin.proto.map { "\($0)" } ?? "-", plugin.generation == 0 ? "-" : "\(plugin.mbufs)",
        plugin.generation == 0 ? "-" : "\(plugin.memory.total)", plugin.buildID.map { String($0.prefix(12)) } ?? "-",
      ])
    }
    var lines = table.lines
    var text = lines.removeFirst() + "\n"
    for (line, plugin) in zip(lines, plugins) {
      text += line + "\n"
      if plugin.waitingFor > 0 {
        text += "    waits for \(plugin.waitingFor) thread\(plugin.waitingFor == 1 ? "" : "s") inside of it\n"
      }
      if plugin.faults > 0 && plugin.state == "serving" {
        text +=
          "    \(plugin.name ?? "it") has faulted \(plugin.faults == 1 ? "once" : "\(plugin.faults) times"): netisr faults\n"
      }
      if let leak = leak(plugin) { text += "    \(leak)\n" }
      for reason in plugin.reasons { text += "    \(reason)\n" }
    }
    return text
  }

  /// "ip: generation 2 serves protocol 1 (build-id 0123456789ab)".
  static func serving(_ plugin: PluginSummary) -> String {
    let build = plugin.buildID.map { " (build-id \($0.prefix(12)))" } ?? ""
    return "\(plugin.name ?? plugin.file): generation \(plugin.generation) serves protocol \(plugin.proto ?? 0)\(build)"
  }

  /// "ip: generation 2 is unmapped", or resident, and why.
  static func unloaded(_ plugin: PluginSummary) -> String {
    let reasons = plugin.reasons.isEmpty ? "" : ": " + plugin.reasons.joined(separator: "; ")
    let leak = leak(plugin).map { "; \($0)" } ?? ""
    return "\(plugin.name ?? plugin.file): generation \(plugin.generation) is \(plugin.state)\(reasons)\(leak)"
  }

  /// "12 mbufs are still held by it", of one that is out of service.
  private static func leak(_ plugin: PluginSummary) -> String? {
    guard plugin.mbufs > 0, !["serving", "draining"].contains(plugin.state) else { return nil }
    return plugin.mbufs == 1 ? "1 mbuf is still held by it" : "\(plugin.mbufs) mbufs are still held by it"
  }
}
