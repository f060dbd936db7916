import NetISRPlugin

/// What this host is on its links: brings the tables of ip6 into line with the host's interfaces and settings.
///
/// Always on the first workstream, so that no two look at once: when the host says that interfaces have changed, when a
/// lifetime ends, and soon after a router has given an address.
struct Stations {
  /// What was set when it was looked last. On the first workstream only.
  private var seen: UInt64 = .max
  private var soon = SharedCallout()

  private static var current: UInt64 {
    unsafe (settings.forwarding.isOn ? 1 : 0) | (settings.autoLinkLocal.isOn ? 2 : 0)
      | (settings.advertises.isOn ? 4 : 0)
  }

  /// Something that counts was set differently since.
  var isBehind: Bool { seen != Self.current }

  /// [control]
  mutating func open() { unsafe soon = SharedCallout(at: &soonPlace) }

  /// Looks within a moment. [handler]
  func lookSoon() {
    soon.reset(after: 0, on: 0) { _ in unsafe stations.look() }
  }

  /// Looks which interfaces and addresses there are now. [handler]
  mutating func look() {
    seen = Self.current
    var hasLinks = false
    Interface.forEach { interface in
      if interface.speaksIP6 {
        hasLinks = true
        Self.look(at: interface)
      }
      return true
    }
    for vnet in 0..<UInt32(NETISR_MAXVNET) {
      unsafe addresses.forgetStrangers(vnet: vnet)
      unsafe onLinkPrefixes.settle(vnet: vnet)
      unsafe routers.forgetStrangers(vnet: vnet)
      unsafe groups.settle(vnet: vnet)
      unsafe links.forgetStrangers(vnet: vnet)
      Neighbour.forgetLinksThatAreDown(vnet: vnet)
    }
    unsafe timer.arm()
    if hasLinks { unsafe timer.armAgeing() }
  }

  private static func look(at interface: Interface) {
    unsafe links.add(interface)
    for index in 0..<interface.addressCount {
      guard let (high, low, prefixLength) = interface.ipv6(at: index) else { continue }
      let address = IP6Address(high: high, low: low)
      guard address.isHost else { continue }
      add(address, OwnAddress.Origin.configured, prefixLength, to: interface)
    }
    if unsafe settings.autoLinkLocal.isOn, !interface.hasConfiguredLinkLocal, let address = interface.linkLocal {
      add(address, OwnAddress.Origin.linkLocal, 64, to: interface)
    }
  }

  private static func add(_ address: IP6Address, _ origin: UInt8, _ prefixLength: UInt32, to interface: Interface) {
    let own = OwnAddress(
      origin: origin, prefixLength: prefixLength, on: interface, chance: Chance.number(address.low, on: interface))
    guard unsafe addresses.add(address, own, vnet: interface.vnet) else { return }
    if own.isUsable { unsafe addresses.begin(address, on: interface) }
  }
}

/// Looked after on the first workstream; the host serialises what is done to a callout.
@exclusivity(unchecked) nonisolated(unsafe) var stations = Stations()

/// Where the callout is.
@exclusivity(unchecked) nonisolated(unsafe) private var soonPlace = Callout()
