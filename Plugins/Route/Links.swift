import NetISRPlugin

/// A link-level address: as much of it as there is, then zeros.
struct LinkAddress {
  static let maxSize = 32
  var bytes: InlineArray<32, UInt8> = .init(repeating: 0)
  var count: UInt32 = 0

  init() {}

  init(_ attribute: Attribute, _ packet: borrowing Packet) throws(DropReason) {
    guard attribute.count <= Self.maxSize else { throw .malformed }
    for index in 0..<attribute.count { bytes[index] = packet.u8(attribute.start &+ index) }
    count = UInt32(truncatingIfNeeded: attribute.count)
  }
}

/// A link: the value of "route.links", whose key is the system's interface index.
struct Link {
  /// With a NUL, or more, at its end.
  var name: InlineArray<16, UInt8> = .init(repeating: 0)
  var address = LinkAddress()
  /// IFF_UP 1, ... of Linux.
  var flags: UInt32 = 0
  /// Bytes.
  var mtu: UInt32 = 0
  /// ARPHRD_...
  var type: UInt32 = 0

  var isUp: Bool { flags & 1 != 0 }
}

/// RTM_NEWLINK and RTM_DELLINK: struct ifinfomsg, attributes.
struct LinkMessage {
  static let fixedSize = 16

  let index: UInt32
  private let type: UInt32
  private let flags: UInt32
  private var name: InlineArray<16, UInt8>?
  private var address: LinkAddress?
  private var mtu: UInt32?

  init(_ message: NetlinkMessage, _ packet: borrowing Packet) throws(DropReason) {
    var attributes = try message.attributes(behind: Self.fixedSize)
    let body = message.start
    // Of a family, it is about that family's settings or a bridge's port: the link itself is AF_UNSPEC's.
    guard packet.u8(body) == 0 else { throw .ignored }
    type = UInt32(packet.u16(body &+ 2, message.order))
    index = packet.u32(body &+ 4, message.order)
    flags = packet.u32(body &+ 8, message.order)
    guard index > 0, index <= UInt32(Int32.max) else { throw .malformed }
    while let attribute = try attributes.next(packet) {
      switch attribute.type {
      case 1: address = try LinkAddress(attribute, packet)
      case 3: name = try Self.name(attribute, packet)
      case 4: mtu = try attribute.u32(packet)
      case 18: try attribute.checkNested(packet)  // IFLA_LINKINFO
      default: break
      }
    }
  }

  private static func name(_ attribute: Attribute, _ packet: borrowing Packet) throws(DropReason)
    -> InlineArray<16, UInt8>
  {
    guard attribute.count > 0, attribute.count <= 16 else { throw .malformed }
    var name: InlineArray<16, UInt8> = .init(repeating: 0)
    for index in 0..<attribute.count { name[index] = packet.u8(attribute.start &+ index) }
    // The last byte is the NUL.
    name[attribute.count &- 1] = 0
    return name
  }

  func add(at time: UInt64, vnet: UInt32) throws(DropReason) -> Change {
    let known = unsafe tables.links.lookup(index, vnet: vnet, initial: Link())
    // Some notifications bring only what is new: what they don't say stays.
    var link = known ?? Link()
    if let name { link.name = name }
    if let address { link.address = address }
    if let mtu { link.mtu = mtu }
    link.flags = flags
    link.type = type
    guard unsafe tables.links.insert(index, link, vnet: vnet) else { throw .full }
    let change = known == nil ? Change.added : .changed
    unsafe changes.note(ChangeRecord(index, link), change, at: time, vnet: vnet)
    if let known, known.isUp && !link.isUp {
      note(Selection.removeRoutes(of: index, vnet: vnet) { $1 == 4 && $0.type != 2 }, at: time, vnet: vnet)
    }
    return change
  }

  /// With a link goes what depends on it; the kernel does not say all of that by messages of its own.
  ///
  /// A message with NLM_F_DUMP_INTR is none of the kernel's: the host has lost some, and says of every link that it is gone
  /// before it asks for all again. What the operator has told route is not the kernel's to tell again: it stays.
  func remove(_ message: NetlinkMessage, at time: UInt64, vnet: UInt32) -> Change {
    let known = unsafe tables.links.take(index, vnet: vnet, initial: Link())
    unsafe tables.addresses.sweep(vnet: vnet) { key, _ in key.interface == index ? .remove : .keep }
    unsafe tables.neighbours.sweep(vnet: vnet) { key, _ in key.interface == index ? .remove : .keep }
    let isToldAgain = message.isInterrupted
    let routes = Selection.removeRoutes(of: index, vnet: vnet) { entry, _ in
      !isToldAgain || entry.origin != RouteOrigin.operator
    }
    note(routes, at: time, vnet: vnet)
    guard let known else { return .absent }
    unsafe changes.note(ChangeRecord(index, known), .deleted, at: time, vnet: vnet)
    return .deleted
  }

  private func note(_ routes: UInt32, at time: UInt64, vnet: UInt32) {
    guard routes > 0 else { return }
    unsafe changes.note(ChangeRecord(routes: routes, of: index), at: time, vnet: vnet)
  }
}
