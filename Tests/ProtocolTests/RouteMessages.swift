/// Netlink messages for route, in either byte order.
struct RouteMessages {
  var isBig = false

  func u16(_ value: Int) -> [UInt8] {
    let bytes = [UInt8(value & 0xff), UInt8(value >> 8 & 0xff)]
    return isBig ? bytes.reversed() : bytes
  }

  func u32(_ value: Int) -> [UInt8] {
    let bytes = (0..<4).map { UInt8(value >> (8 * $0) & 0xff) }
    return isBig ? bytes.reversed() : bytes
  }

  /// nlmsghdr and a body, padded.
  func message(_ type: Int, flags: Int = 0, _ body: [UInt8]) -> [UInt8] {
    padded(u32(16 + body.count) + u16(type) + u16(flags) + u32(1) + u32(0) + body)
  }

  func attribute(_ type: Int, _ value: [UInt8]) -> [UInt8] {
    padded(u16(4 + value.count) + u16(type) + value)
  }

  func padded(_ bytes: [UInt8]) -> [UInt8] { bytes + [UInt8](repeating: 0, count: -bytes.count & 3) }

  // MARK: NETLINK_ROUTE

  func link(
    type: Int = 16, index: Int, name: String? = nil, up: Bool = true, family: UInt8 = 0, mtu: Int? = nil,
    address: [UInt8]? = nil, flags: Int = 0
  ) -> [UInt8] {
    var body: [UInt8] = [family, 0] + u16(1) + u32(index) + u32(up ? 0x1003 : 0x1002) + u32(0)
    if let name { body += attribute(3, Array(name.utf8) + [0]) }
    if let mtu { body += attribute(4, u32(mtu)) }
    if let address { body += attribute(1, address) }
    return message(type, flags: flags, body)
  }

  func address(
    type: Int = 20, family: UInt8 = 2, index: Int, _ address: [UInt8], prefix: UInt8, local: [UInt8]? = nil,
    flags: Int = 0
  ) -> [UInt8] {
    var body: [UInt8] = [family, prefix, 0x80, 0] + u32(index) + attribute(1, address)
    if let local { body += attribute(2, local) }
    return message(type, flags: flags, body)
  }

  struct Hop {
    var gateway: [UInt8]?
    var interface: Int
    var weight: UInt8 = 1
  }

  func route(
    type: Int = 24, family: UInt8 = 2, _ destination: [UInt8]?, prefix: UInt8, via gateway: [UInt8]? = nil,
    interface: Int? = nil, metric: Int? = nil, table: UInt8 = 254, kind: UInt8 = 1, tos: UInt8 = 0, flags: Int = 0,
    routeFlags: Int = 0, source: UInt8 = 0, hops: [Hop] = [], extra: [UInt8] = []
  ) -> [UInt8] {
    var body: [UInt8] = [family, prefix, source, tos, table, 3, 0, kind] + u32(routeFlags)
    if let destination { body += attribute(1, destination) }
    if let interface { body += attribute(4, u32(interface)) }
    if let gateway { body += attribute(5, gateway) }
    if let metric { body += attribute(6, u32(metric)) }
    if !hops.isEmpty {
      body += attribute(
        9,
        hops.flatMap { hop -> [UInt8] in
          let gateway = hop.gateway.map { attribute(5, $0) } ?? []
          return u16(8 + gateway.count) + [0, hop.weight - 1] + u32(hop.interface) + gateway
        })
    }
    return message(type, flags: flags, body + extra)
  }

  func neighbour(
    type: Int = 28, family: UInt8 = 2, index: Int, _ address: [UInt8], link: [UInt8]? = nil, state: Int = 2,
    ntf: UInt8 = 0, flags: Int = 0
  ) -> [UInt8] {
    var body: [UInt8] = [family, 0, 0, 0] + u32(index) + u16(state) + [ntf, 1] + attribute(1, address)
    if let link { body += attribute(2, link) }
    return message(type, flags: flags, body)
  }
}
