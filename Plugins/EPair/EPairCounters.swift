import NetISRPlugin

/// The counters of epair.
struct EPairCounters {
  /// Frames that came out at the other end.
  var packets = Counter()
  /// Frames that came from no pair.
  var drops = Counter()
  /// Frames that had waited in an end's send queue, and entered this protocol's queue when it was drained.
  var restarted = Counter()

  init() {}

  init(defining _: Void) throws(Errno) {
    packets = try Counter("epair.packets")
    drops = try Counter("epair.drops")
    restarted = try Counter("epair.restarted")
  }
}

/// Written once, during registration, before any packet.
@exclusivity(unchecked) nonisolated(unsafe) var counters = EPairCounters()
