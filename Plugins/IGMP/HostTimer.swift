import NetISRPlugin

/// What igmp does as time passes, as a host: one callout, ten times a second, as long as a report or a response waits, or
/// an older querier's time runs.
struct HostTimer {
  /// Nanoseconds.
  private static let interval: UInt64 = 100_000_000
  /// Ticks.
  static let second: UInt32 = 10

  private var callout = SharedCallout()

  /// [control]
  mutating func open() { unsafe callout = SharedCallout(at: &tickingPlace) }

  /// Makes it run, if it rests. [handler]
  func arm() {
    if !callout.isPending { callout.reset(after: Self.interval) { _ in unsafe hostTimer.tick() } }
  }

  private func tick() {
    var isBusy = false
    for vnet in 0..<UInt32(NETISR_MAXVNET) {
      if unsafe hostGroups.tick(vnet: vnet) { isBusy = true }
    }
    if isBusy { arm() }
  }
}

/// Opened once, during registration, before any packet.
@exclusivity(unchecked) nonisolated(unsafe) var hostTimer = HostTimer()

/// Where the callout is.
@exclusivity(unchecked) nonisolated(unsafe) private var tickingPlace = Callout()
