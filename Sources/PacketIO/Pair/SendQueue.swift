import NetISR

/// Frames that wait at one end of a pair. Everything in it is guarded by `lock`.
final class SendQueue: @unchecked Sendable {
  let lock = Lock()
  let frames = PacketList()
  /// All but what waits, which is the list's to know.
  var figures = InterfacePair.Statistics()

  var statistics: InterfacePair.Statistics {
    var statistics = figures
    statistics.waiting = frames.count
    return statistics
  }
}
