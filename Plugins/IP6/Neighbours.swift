import NetISRPlugin

/// The key of `ip6.neighbours`, 20 bytes: the address in network order, the interface's index in host order.
struct NeighbourKey: BitwiseCopyable {
  var address: IP6AddressBytes
  var interface: UInt32
}

/// The value of `ip6.neighbours`, 32 bytes, without padding.
struct Neighbour: Aging {
  /// The link-level address: `lladdrlen` bytes, then zeros.
  var lladdr: UInt64 = 0
  /// When a packet told of it last: nanoseconds, by `clock`.
  var seen: UInt64 = 0
  var clock: UInt32 = 0
  /// RFC 4861, section 7.3.2; who is asked for, and not known yet, is in `ip6.probes` only.
  var state: UInt8 = 0
  var lladdrlen: UInt8 = 0
  /// 1: it forwards packets.
  var isRouter: UInt8 = 0
  var spare: UInt8 = 0
  /// Until when it counts as reachable, without hearing of it again: nanoseconds, by `clock`.
  var until: UInt64 = 0

  static let reachable: UInt8 = 1
  static let stale: UInt8 = 2
  /// In use without being known to be there: it is waited for a sign, then asked.
  static let delay: UInt8 = 3
  static let probe: UInt8 = 4

  /// As long as FreeBSD keeps a neighbour that it doesn't hear of: a day.
  static let lifetime: UInt64 = 86_400_000_000_000
  static let limit: UInt32 = 16_384

  /// Its Ethernet address; nil when it has none of that kind.
  var ether: UInt64? { lladdrlen == 6 ? UInt64(bigEndian: lladdr) >> 16 : nil }

  /// Whether who sends to it has to find out whether it is still there (section 7.3.3).
  func isDoubtful(at now: Moment) -> Bool { state == Self.stale || (state == Self.reachable && now.time > until) }

  /// Whoever was behind an interface that is down may be elsewhere when it comes back.
  static func forgetLinksThatAreDown(vnet: UInt32) {
    guard unsafe tables.neighbours.count(vnet: vnet) > 0 else { return }
    unsafe tables.neighbours.sweep(vnet: vnet) { key, _ in
      // What only listens is not told of its links.
      let isDown = Interface(index: key.interface).map { !$0.isUp && !$0.isMonitor } ?? false
      return isDown ? .remove : .keep
    }
  }

  func has(_ link: LinkAddress) -> Bool {
    lladdr == link.bytes.bigEndian && lladdrlen == link.length
  }

  mutating func set(_ link: LinkAddress) {
    lladdr = link.bytes.bigEndian
    lladdrlen = link.length
  }
}

/// Somebody told its own address, or a router another's: what is new is STALE, what is known stays as it is.
private struct Hearing: Lesson {
  let link: LinkAddress
  /// Nil when the message does not tell.
  let isRouter: Bool?

  mutating func apply(to neighbour: inout Neighbour, isNew: Bool) {
    if isNew || !neighbour.has(link) {
      neighbour.set(link)
      neighbour.state = Neighbour.stale
    }
    if let isRouter { neighbour.isRouter = isRouter ? 1 : 0 }
  }
}

/// A neighbour advertisement (RFC 4861, section 7.2.5).
private struct Advertisement: Lesson {
  let link: LinkAddress?
  let isRouter: Bool
  let isSolicited: Bool
  let overrides: Bool
  /// Until when it is reachable then.
  let until: UInt64
  /// It was a router, and is none any more.
  var hasResigned = false
  /// Where it is, as far as is known now.
  var knownEther: UInt64?

  mutating func apply(to neighbour: inout Neighbour, isNew: Bool) {
    let changes = link.map { !neighbour.has($0) } ?? false
    if changes && !overrides && !isNew {
      // Somebody else claims it: doubt what is known, but keep it.
      if neighbour.state == Neighbour.reachable { neighbour.state = Neighbour.stale }
      return
    }
    if let link { neighbour.set(link) }
    knownEther = neighbour.ether
    if isSolicited {
      neighbour.state = Neighbour.reachable
      neighbour.until = until
    } else if changes || isNew {
      neighbour.state = Neighbour.stale
    }
    hasResigned = neighbour.isRouter == 1 && !isRouter
    neighbour.isRouter = isRouter ? 1 : 0
  }
}

extension NeighbourMessage {
  /// Enters what the message says into the table.
  func learn(from packet: borrowing Packet, _ message: ICMP6Message, _ chain: HeaderChain) {
    switch message.type {
    case ICMP6Type.routerSolicitation:
      // Section 6.2.6; it comes from a host.
      hear(chain.source, sourceLink, isRouter: false, packet, message)
    case ICMP6Type.routerAdvertisement:
      // Section 6.3.4.
      hear(chain.source, sourceLink, isRouter: true, packet, message)
    case ICMP6Type.neighbourSolicitation:
      // Section 7.2.3. It does not say whether the sender is a router.
      hear(chain.source, sourceLink, isRouter: nil, packet, message)
    case ICMP6Type.neighbourAdvertisement:
      advertise(packet, message)
    default:
      // Section 8.3: the target is a router unless it is the destination itself.
      hear(target, targetLink, isRouter: target == redirected ? nil : true, packet, message)
    }
  }

  private func hear(
    _ address: IP6Address, _ link: LinkAddress?, isRouter: Bool?, _ packet: borrowing Packet, _ message: ICMP6Message
  ) {
    guard let link, !address.isUnspecified, !address.isMulticast else { return }
    var lesson = Hearing(link: link, isRouter: isRouter)
    let key = NeighbourKey(address: address.wire, interface: message.interfaceIndex)
    // No room even after making some: it will be heard again.
    guard unsafe tables.neighbours.learn(&lesson, of: key, at: packet.moment, vnet: message.vnet) else { return }
    if let ether = link.ether { unsafe resolution.release(key, to: ether, isReachable: false, vnet: message.vnet) }
  }

  private func advertise(_ packet: borrowing Packet, _ message: ICMP6Message) {
    let key = NeighbourKey(address: target.wire, interface: message.interfaceIndex)
    // Only who listens to others takes an advertisement for which it did not ask, and without an address
    // there is nothing to begin with.
    let isLive = packet.interface.map { !$0.isMonitor } ?? false
    let mayCreate = unsafe targetLink != nil && (!isLive || resolution.isAsking(key, vnet: message.vnet))
    guard unsafe mayCreate || tables.neighbours.lookup(key, at: packet.moment, vnet: message.vnet) != nil else {
      return
    }
    let until = packet.moment.time &+ (packet.interface.map { reachableTime(on: $0) } ?? 0)
    var lesson = Advertisement(
      link: targetLink, isRouter: isRouter, isSolicited: isSolicited, overrides: overrides, until: until)
    guard unsafe tables.neighbours.learn(&lesson, of: key, at: packet.moment, vnet: message.vnet), isLive else {
      return
    }
    if lesson.hasResigned { unsafe routers.remove(target, on: message.interfaceIndex, vnet: message.vnet) }
    if let ether = lesson.knownEther {
      unsafe resolution.release(key, to: ether, isReachable: isSolicited, vnet: message.vnet)
    }
  }

  /// Nanoseconds for which a confirmed neighbour of an interface is taken to be there: half to one and a half of what the
  /// link says, so that neighbours don't ask each other at the same time (section 6.3.2).
  private func reachableTime(on interface: Interface) -> UInt64 {
    guard !interface.isMonitor else { return 0 }
    let said = unsafe links.lookup(interface).reachable
    let base = UInt64(said == 0 ? Link.defaultReachable : min(said, 3_600_000)) &* 1_000_000
    return base / 2 &+ Chance.number(target.low, on: interface) % base
  }
}
