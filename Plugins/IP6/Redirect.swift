import NetISRPlugin

/// Redirects (RFC 4861, section 8): better first hops, told and believed.
enum Redirect {
  /// A router passes a packet on by the link on which it came: its sender could have sent it there itself (section 8.2).
  static func send(about packet: borrowing Packet, _ chain: HeaderChain, by hop: Hop) {
    let interface = hop.interface
    guard unsafe settings.sendsRedirects.isOn, let from = neighbour(chain.source, of: interface) else { return }
    let isNeighbour = hop.isDestination
    // Only by a link-local address a router is known on a link.
    guard isNeighbour || hop.address.isLinkLocal else { return }
    guard let source = unsafe addresses.linkLocal(of: interface),
      RateLimit.takesOne(for: from, vnet: interface.vnet, isEssential: false)
    else { return }
    var message = OutgoingMessage(ICMP6Type.redirect, from: source, to: from)
    message.put32(0)
    message.put(hop.address)
    message.put(chain.destination)
    let key = NeighbourKey(address: hop.address.wire, interface: interface.index)
    let known = unsafe tables.neighbours.lookup(key, at: .now(of: interface.clock), vnet: interface.vnet)
    if let ether = known?.ether { message.put(DiscoveryOption.targetLink, ether: ether) }
    quote(packet, in: &message)
    if message.send(by: interface) { unsafe icmp6Counters.snd_redirect.add() }
  }

  /// The packet in an option, in units of 8 bytes, as much of it as fits (section 4.6.3).
  private static func quote(_ packet: borrowing Packet, in message: inout OutgoingMessage) {
    let units = min(packet.count / 8, 140)
    message.put8(DiscoveryOption.redirected)
    message.put8(UInt8(truncatingIfNeeded: units &+ 1))
    message.put16(0)
    message.put32(0)
    for unit in 0..<units { message.put64(packet.u64(at: unit &* 8) ?? 0) }
  }

  /// The address, if its owner is on the link.
  private static func neighbour(_ address: IP6Address, of interface: Interface) -> IP6Address? {
    if address.isLinkLocal { return address }
    let onLink = unsafe onLinkPrefixes.match(address, vnet: interface.vnet)
    return onLink?.interface == interface.index ? address : nil
  }

  /// A host was told of a better first hop, by the router that it takes for that destination (section 8.1); whether it
  /// believes it.
  static func take(_ message: NeighbourMessage, from router: IP6Address, on interface: Interface) -> Bool {
    let vnet = interface.vnet
    guard unsafe settings.acceptsRedirects.isOn && !settings.forwarding.isOn,
      unsafe !addresses.isOwn(message.target, on: interface.index, vnet: vnet)
    else { return false }
    let known = Destination.lookup(message.redirected, on: interface.index, vnet: vnet)
    let hop: Hop
    do throws(NoHop) {
      hop = try ownHop(
        from: .unspecified, to: message.redirected, by: interface, vnet: vnet, known)
    } catch {
      return false
    }
    guard hop.address == router, hop.interface.index == interface.index else { return false }
    Destination.learn(nextHop: message.target, on: interface, to: message.redirected)
    return true
  }
}
