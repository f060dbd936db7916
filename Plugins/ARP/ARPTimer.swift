import NetISRPlugin

/// What arp does as time passes: requests are repeated, addresses probed and announced.
///
/// One callout, ten times a second, as long as there is something to do; it counts ticks, so that a host's clock that is set
/// makes nothing late. When nobody is asked for and all addresses are settled, it rests.
struct Timer {
  /// Nanoseconds.
  private static let interval: UInt64 = 100_000_000
  /// Ticks.
  static let second: UInt32 = 10

  private var callout = SharedCallout()

  /// [control]
  mutating func open() { unsafe callout = SharedCallout(at: &tickingPlace) }

  /// Makes it run, if it rests. [handler]
  func arm() {
    if !callout.isPending { callout.reset(after: Self.interval) { _ in unsafe timer.tick() } }
  }

  private func tick() {
    var isBusy = false
    for vnet in 0..<UInt32(NETISR_MAXVNET) {
      // Both, whatever the first one says.
      if unsafe addresses.tick(vnet: vnet) { isBusy = true }
      if unsafe resolution.tick(vnet: vnet) { isBusy = true }
    }
    if isBusy { arm() }
  }
}

/// Opened once, during registration, before any packet.
@exclusivity(unchecked) nonisolated(unsafe) var timer = Timer()

/// Where the callout is.
@exclusivity(unchecked) nonisolated(unsafe) private var tickingPlace = Callout()
