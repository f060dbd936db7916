import NetISRPlugin

/// Where a pair is served. Both directions of a pair share one CPU: what one end sends and the other answers stays in
/// one cache, and keeps its order. Pairs are spread over the CPUs by their indices.
enum Placement {
  /// The CPU for a frame; none for one that came from no interface.
  static func cpu(of frame: borrowing Packet) -> UInt32 {
    guard let interface = frame.interface else { return CPU.none }
    return cpu(of: interface)
  }

  /// The CPU of the pair that an interface is an end of: by the smaller of the two indices.
  static func cpu(of interface: Interface) -> UInt32 {
    let index = interface.index
    let peer = interface.peer?.index ?? index
    return CPU.id(for: index < peer ? index : peer)
  }
}

/// The queue of a CPU was drained: there is room again for what was held up in front of it. The pairs of other CPUs
/// wait for their own queues.
func restartPairs(servedBy cpu: UInt32) {
  Interface.forEach { interface in
    if interface.isPairEnd, Placement.cpu(of: interface) == cpu {
      let moved = interface.start()
      if moved > 0 { unsafe counters.restarted.add(UInt64(moved)) }
    }
    return true
  }
}
