import NetISRPlugin

/// The key of "route.addresses". The prefix length belongs to it: a link may have one address with two of them.
struct AddressKey {
  var address: RouteAddress
  /// The system's interface index.
  var interface: UInt32
  /// 4 or 6.
  var family: UInt8
  var prefixLength: UInt8
  var spare: UInt16 = 0
}

/// An address of an interface: the value of "route.addresses".
struct InterfaceAddress {
  /// The other end of a point-to-point link; else the address itself.
  var peer: RouteAddress
  /// IFA_F_TENTATIVE 0x40, IFA_F_PERMANENT 0x80, ...
  var flags: UInt32
  /// RT_SCOPE_...
  var scope: UInt32
}

/// RTM_NEWADDR and RTM_DELADDR: struct ifaddrmsg, attributes.
struct AddressMessage {
  static let fixedSize = 8

  private let key: AddressKey
  private let value: InterfaceAddress

  init(_ message: NetlinkMessage, _ packet: borrowing Packet) throws(DropReason) {
    var attributes = try message.attributes(behind: Self.fixedSize)
    let body = message.start
    guard let family = Family(packet.u8(body)) else { throw .ignored }
    let prefixLength = packet.u8(body &+ 1)
    let interface = packet.u32(body &+ 4, message.order)
    guard prefixLength <= family.addressBits, interface > 0 else { throw .malformed }
    var flags = UInt32(packet.u8(body &+ 2))
    var local: RouteAddress?
    var address: RouteAddress?
    while let attribute = try attributes.next(packet) {
      switch attribute.type {
      case 1: address = try attribute.address(packet, family)
      case 2: local = try attribute.address(packet, family)
      case 8: flags = try attribute.u32(packet)  // all 32 bits of them
      default: break
      }
    }
    // IFA_LOCAL is the interface's own; IFA_ADDRESS is its peer's on point-to-point links, and else the same.
    guard let own = local ?? address else { throw .malformed }
    key = AddressKey(address: own, interface: interface, family: family.number, prefixLength: prefixLength)
    value = InterfaceAddress(peer: address ?? own, flags: flags, scope: UInt32(packet.u8(body &+ 3)))
  }

  func add(at time: UInt64, vnet: UInt32) throws(DropReason) -> Change {
    let isNew = unsafe tables.addresses.lookup(key, vnet: vnet, initial: value) == nil
    guard unsafe tables.addresses.insert(key, value, vnet: vnet) else { throw .full }
    let change = isNew ? Change.added : .changed
    unsafe changes.note(ChangeRecord(key, value), change, at: time, vnet: vnet)
    return change
  }

  func remove(at time: UInt64, vnet: UInt32) -> Change {
    guard let known = unsafe tables.addresses.take(key, vnet: vnet, initial: value) else { return .absent }
    unsafe changes.note(ChangeRecord(key, known), .deleted, at: time, vnet: vnet)
    return .deleted
  }
}
