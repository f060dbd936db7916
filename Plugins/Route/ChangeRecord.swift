import NetISRPlugin

/// What happened to one link, address, route or neighbour: the value of "route.changes". 136 bytes, without padding.
///
/// Fields that its subject does not have are 0.
struct ChangeRecord {
  /// Which change it is, from 1.
  var sequence: UInt64 = 0
  /// When its message came: nanoseconds since the epoch.
  var time: UInt64 = 0
  /// The destination of a route, the address of an interface, a neighbour.
  var address = RouteAddress()
  /// The gateway of a route; the other end of a point-to-point link.
  var gateway = RouteAddress()
  /// A link's or a neighbour's link-level address.
  var link = InlineArray<32, UInt8>(repeating: 0)
  /// A link's name.
  var name = InlineArray<16, UInt8>(repeating: 0)
  var linkLength: UInt32 = 0
  /// The system's interface index.
  var interface: UInt32 = 0
  var table: UInt32 = 0
  var metric: UInt32 = 0
  var mtu: UInt32 = 0
  /// Flags of a link, an address or a route; a neighbour's state.
  var flags: UInt32 = 0
  /// Next hops of the route; routes that went with a link.
  var count: UInt32 = 0
  /// RTM_NEWLINK, RTM_NEWADDR, RTM_NEWROUTE or RTM_NEWNEIGH: what it is about.
  var subject: UInt16
  /// What became of it.
  var change: UInt8 = 0
  /// 4 or 6; 0 of a link.
  var family: UInt8 = 0
  var prefixLength: UInt8 = 0
  /// 4 or 6; 0 without a gateway.
  var gatewayFamily: UInt8 = 0
  /// RTN_UNICAST 1, ...
  var type: UInt8 = 0
  /// RTPROT_KERNEL 2, ...
  var origin: UInt8 = 0
  var scope: UInt8 = 0
  var typeOfService: UInt8 = 0
  var spare: UInt16 = 0

  /// As people are shown it.
  static var format: StaticString {
    """
    place:u32 = sequence:u64 time:time address:ip/family gateway:ip/gateway_family link:mac -:26 name:s16 \
    link_length:u32 interface:u32 table:u32 metric:u32 mtu:u32 flags:u32 count:u32 subject:u16 change:u8 family:u8 \
    prefix_length:u8 gateway_family:u8 type:u8 origin:u8 scope:u8 tos:u8 -:2
    """
  }
}

extension ChangeRecord {
  init(_ index: UInt32, _ link: Link) {
    self.init(subject: MessageType.newLink)
    interface = index
    name = link.name
    self.link = link.address.bytes
    linkLength = link.address.count
    flags = link.flags
    mtu = link.mtu
  }

  init(_ key: AddressKey, _ value: InterfaceAddress) {
    self.init(subject: MessageType.newAddress)
    address = key.address
    interface = key.interface
    family = key.family
    prefixLength = key.prefixLength
    if !(value.peer == key.address) {
      gateway = value.peer
      gatewayFamily = key.family
    }
    flags = value.flags
    scope = UInt8(truncatingIfNeeded: value.scope)
  }

  init(_ key: NeighbourKey, _ value: Neighbour) {
    self.init(subject: MessageType.newNeighbour)
    address = key.address
    interface = key.interface
    family = UInt8(truncatingIfNeeded: key.family)
    link = value.address.bytes
    linkLength = value.address.count
    flags = UInt32(value.state)
  }

  init(_ route: Route, _ entry: RouteEntry) {
    self.init(subject: MessageType.newRoute)
    address = route.destination
    gateway = route.gateway
    interface = route.interface
    table = route.table
    metric = route.metric
    mtu = entry.mtu
    flags = entry.flags
    count = UInt32(entry.nextHops)
    family = route.family
    prefixLength = route.prefixLength
    gatewayFamily = entry.gatewayFamily
    type = route.type
    origin = entry.origin
    scope = entry.scope
    typeOfService = route.typeOfService
  }

  /// So many routes went with a link: those of an interface that is down, or gone, for which there are no messages.
  init(routes count: UInt32, of interface: UInt32) {
    self.init(subject: MessageType.newRoute)
    self.interface = interface
    self.count = count
    change = Change.swept
  }
}

extension Change {
  /// As it is in a `ChangeRecord`.
  var number: UInt8 {
    switch self {
    case .absent: 0
    case .added: 1
    case .changed: 2
    case .deleted: 3
    }
  }

  /// Not one route, but several at once.
  static var swept: UInt8 { 4 }
}
