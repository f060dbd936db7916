import PluginHost

/// Mbufs that a plugin's generation held when it was out of service: nobody is left who would free them.
public struct LeakSummary: Codable, Sendable {
  /// The plugin.
  public var plugin: String
  /// Which of its generations.
  public var generation: Int
  /// How many mbufs.
  public var mbufs: Int

  /// "ip generation 1 held 12 mbufs".
  public var text: String { "\(plugin) generation \(generation) held \(mbufs) mbuf\(mbufs == 1 ? "" : "s")" }
}

extension Host {
  /// Who has left mbufs behind. After `stop`.
  public func leaks() -> [LeakSummary] {
    plugins.list().compactMap { info in
      guard let name = info.name, info.mbufs.mbufs > 0 else { return nil }
      return LeakSummary(plugin: name, generation: info.generation, mbufs: info.mbufs.mbufs)
    }
  }
}
