import NetISRPlugin

/// What ip6 does as time passes.
///
/// Two callouts of the host's clock: ten times a second as long as somebody is asked, probed or told, and once a second as
/// long as there is a link. They count ticks, so that a host's clock that is set makes nothing late.
struct Timer {
  /// Nanoseconds.
  private static let interval: UInt64 = 100_000_000
  private static let longInterval: UInt64 = 1_000_000_000
  /// Ticks.
  static let second: UInt32 = 10

  private var ticking = SharedCallout()
  private var ageing = SharedCallout()

  /// [control]
  mutating func open() {
    unsafe ticking = SharedCallout(at: &tickingPlace)
    unsafe ageing = SharedCallout(at: &ageingPlace)
  }

  /// Makes the fast one run, if it rests. [handler]
  func arm() {
    if !ticking.isPending { ticking.reset(after: Self.interval) { _ in Timer.tick() } }
  }

  /// Makes the slow one run, if it rests. [handler]
  func armAgeing() {
    if !ageing.isPending { ageing.reset(after: Self.longInterval, on: 0) { _ in Timer.age() } }
  }

  private static func tick() {
    var isBusy = false
    for vnet in 0..<UInt32(NETISR_MAXVNET) {
      // All, whatever the first one says; a group is reported before it is relied upon.
      if unsafe groups.tick(vnet: vnet) { isBusy = true }
      if unsafe addresses.tick(vnet: vnet) { isBusy = true }
      if unsafe links.tick(vnet: vnet) { isBusy = true }
      if unsafe resolution.tick(vnet: vnet) { isBusy = true }
    }
    if isBusy { unsafe timer.arm() }
  }

  private static func age() {
    var hasLinks = false
    for vnet in 0..<UInt32(NETISR_MAXVNET) where unsafe links.count(vnet: vnet) > 0 {
      hasLinks = true
      let hasChanged = unsafe addresses.age(vnet: vnet)
      unsafe routers.age(vnet: vnet)
      unsafe onLinkPrefixes.age(vnet: vnet)
      unsafe links.age(vnet: vnet)
      if hasChanged { unsafe stations.look() }
    }
    if unsafe stations.isBehind { unsafe stations.look() }
    if hasLinks { unsafe timer.armAgeing() }
  }
}

/// Opened once, during registration, before any packet.
@exclusivity(unchecked) nonisolated(unsafe) var timer = Timer()

/// Where the callouts are.
@exclusivity(unchecked) nonisolated(unsafe) private var tickingPlace = Callout()
@exclusivity(unchecked) nonisolated(unsafe) private var ageingPlace = Callout()
