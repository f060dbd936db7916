import NetISRPlugin

/// The key of "route.neighbours".
struct NeighbourKey {
  var address: RouteAddress
  /// The system's interface index.
  var interface: UInt32
  /// 4 or 6.
  var family: UInt32
}

/// Another station on a link: the value of "route.neighbours".
struct Neighbour {
  var address: LinkAddress
  /// NUD_REACHABLE 2, NUD_STALE 4, NUD_FAILED 0x20, NUD_PERMANENT 0x80, ...
  var state: UInt16
  /// NTF_ROUTER 0x80, ...
  var flags: UInt16
}

/// RTM_NEWNEIGH and RTM_DELNEIGH: struct ndmsg, attributes.
struct NeighbourMessage {
  static let fixedSize = 12
  /// NTF_PROXY: an address for which the host answers. The kernel keeps these apart from its neighbours.
  static let proxy: UInt8 = 0x08

  private let key: NeighbourKey
  private let value: Neighbour

  init(_ message: NetlinkMessage, _ packet: borrowing Packet) throws(DropReason) {
    var attributes = try message.attributes(behind: Self.fixedSize)
    let body = message.start
    let flags = packet.u8(body &+ 10)
    guard let family = Family(packet.u8(body)), flags & Self.proxy == 0 else { throw .ignored }
    let interface = packet.u32(body &+ 4, message.order)
    guard interface > 0 else { throw .malformed }
    var destination: RouteAddress?
    var linkAddress = LinkAddress()
    while let attribute = try attributes.next(packet) {
      switch attribute.type {
      case 1: destination = try attribute.address(packet, family)
      case 2: linkAddress = try LinkAddress(attribute, packet)
      default: break
      }
    }
    guard let destination else { throw .malformed }
    key = NeighbourKey(address: destination, interface: interface, family: UInt32(family.number))
    value = Neighbour(address: linkAddress, state: packet.u16(body &+ 8, message.order), flags: UInt16(flags))
  }

  func add(at time: UInt64, vnet: UInt32) throws(DropReason) -> Change {
    let isNew = unsafe tables.neighbours.lookup(key, vnet: vnet, initial: value) == nil
    guard unsafe tables.neighbours.insert(key, value, vnet: vnet) else { throw .full }
    let change = isNew ? Change.added : .changed
    unsafe changes.note(ChangeRecord(key, value), change, at: time, vnet: vnet)
    return change
  }

  func remove(at time: UInt64, vnet: UInt32) -> Change {
    guard let known = unsafe tables.neighbours.take(key, vnet: vnet, initial: value) else { return .absent }
    unsafe changes.note(ChangeRecord(key, known), .deleted, at: time, vnet: vnet)
    return .deleted
  }
}
