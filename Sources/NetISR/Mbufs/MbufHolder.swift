/// Who may hold mbufs: one generation of a plugin, or a handler that was registered by itself. Never used again for another.
public struct MbufHolder: Sendable, Hashable {
  /// What is written into packets (guard.h); never 0.
  let mark: UInt32
}

/// Mbufs, and those of them that have a cluster.
public struct MbufHolding: Sendable, Equatable {
  /// Mbufs, of 256 bytes.
  public var mbufs = 0
  /// Mbufs whose data is in a cluster of 2048 bytes; one that is shared counts with each.
  public var clusters = 0

  /// None.
  public init() {}
}

extension Engine {
  /// A holder that there never was. [any thread]
  public func makeHolder() -> MbufHolder {
    MbufHolder(mark: holders.wrappingAdd(1, ordering: .relaxed).newValue)
  }
}
