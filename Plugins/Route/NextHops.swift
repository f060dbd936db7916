import NetISRPlugin

/// Where a route leads next.
struct NextHop {
  var gateway = RouteAddress()
  /// 4 or 6; 0 without a gateway.
  var gatewayFamily: UInt8 = 0
  var interface: UInt32 = 0
  /// Its share of the flows, beside others'.
  var weight: UInt16 = 1
  /// Bytes of its struct rtnexthop with attributes and pad.
  var size = 0

  /// RTA_GATEWAY: an address of the route's family; RTA_VIA: one of any family, behind two bytes that name it.
  mutating func readGateway(_ attribute: Attribute, _ packet: borrowing Packet, _ family: Family) throws(DropReason) {
    guard attribute.type == 18 else {
      gateway = try attribute.address(packet, family)
      gatewayFamily = family.number
      return
    }
    guard attribute.count >= 2 else { throw .malformed }
    guard let family = Family(UInt8(truncatingIfNeeded: packet.u16(attribute.start, attribute.order))) else {
      throw .ignored
    }
    guard attribute.count >= 2 &+ family.addressSize else { throw .malformed }
    gateway = packet.address(attribute.start &+ 2, family)
    gatewayFamily = family.number
  }

  func store(in entry: inout RouteEntry) {
    entry.gateway = gateway
    entry.gatewayFamily = gatewayFamily
    entry.interface = interface
    entry.weight = weight
  }
}

/// RTA_MULTIPATH: struct rtnexthop (length 2, flags 1, weight less one 1, interface index 4) with attributes, again and
/// again.
///
/// Checked once by `init`: all next hops are inside of the attribute.
struct NextHops {
  static let headerSize = 8

  private let start: Int
  private let family: Family
  private let order: ByteOrder
  /// Bytes.
  let size: Int
  /// Next hops, at least one.
  private(set) var count: UInt32 = 0

  init(_ attribute: Attribute, _ packet: borrowing Packet, _ family: Family) throws(DropReason) {
    start = attribute.start
    size = attribute.count
    order = attribute.order
    self.family = family
    var offset = 0
    while offset < size {
      offset = offset &+ (try hop(at: offset, packet)).size
      count &+= 1
    }
    guard count > 0 else { throw .malformed }
  }

  /// The next hop at `offset` in the attribute.
  func hop(at offset: Int, _ packet: borrowing Packet) throws(DropReason) -> NextHop {
    guard size &- offset >= Self.headerSize else { throw .malformed }
    let first = start &+ offset
    let length = Int(packet.u16(first, order))
    guard length >= Self.headerSize, length <= size &- offset else { throw .malformed }
    var hop = NextHop()
    hop.size = align(length)
    hop.weight = UInt16(packet.u8(first &+ 3)) &+ 1
    hop.interface = packet.u32(first &+ 4, order)
    var attributes = Attributes(start: first &+ Self.headerSize, end: first &+ length, order: order)
    while let attribute = try attributes.next(packet) {
      if attribute.type == 5 || attribute.type == 18 { try hop.readGateway(attribute, packet, family) }
    }
    return hop
  }
}
