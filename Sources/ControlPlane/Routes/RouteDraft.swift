import NetISR

/// A route as it is to be, and the rtnetlink(7) message that says so.
struct RouteDraft {
  /// RTPROT_...: the operator's, as RouteTables.swift of the plugins' SDK has it.
  static let origin: UInt8 = 78
  private static let mainTable: UInt8 = 254

  var prefix: RoutePrefix
  /// 4 or 16 bytes; of any family.
  var gateway: [UInt8]?
  /// The system's index; 0 for none.
  var interface: UInt32 = 0
  var metric: UInt32 = 0
  var mtu: UInt32?
  /// RTN_...
  var type: UInt8 = 1

  /// RTM_NEWROUTE or RTM_DELROUTE: what has happened, not a request to the kernel. In host order.
  func message(isDeletion: Bool, replaces: Bool) -> [UInt8] {
    // RT_SCOPE_UNIVERSE with a gateway, or without any interface; RT_SCOPE_LINK on a link.
    let scope: UInt8 = gateway == nil && interface != 0 && prefix.family == 4 ? 253 : 0
    var body: [UInt8] = [
      prefix.family == 4 ? 2 : 10, prefix.length, 0, 0, Self.mainTable, Self.origin, scope, type, 0, 0, 0, 0,
    ]
    if prefix.length > 0 { body += Self.attribute(1, prefix.bytes) }
    if interface != 0 { body += Self.attribute(4, Self.bytes(interface)) }
    if let gateway {
      if gateway.count == prefix.bytes.count {
        body += Self.attribute(5, gateway)
      } else {
        // RTA_VIA: the address behind its family.
        body += Self.attribute(18, Self.bytes(UInt16(gateway.count == 4 ? 2 : 10)) + gateway)
      }
    }
    body += Self.attribute(6, Self.bytes(metric))
    if let mtu { body += Self.attribute(8, Self.attribute(2, Self.bytes(mtu))) }
    // NLM_F_CREATE with NLM_F_REPLACE or NLM_F_EXCL.
    let flags: UInt16 = isDeletion ? 0 : replaces ? 0x500 : 0x600
    return Self.bytes(UInt32(16 + body.count)) + Self.bytes(UInt16(isDeletion ? 25 : 24)) + Self.bytes(flags)
      + [UInt8](repeating: 0, count: 8) + body
  }

  /// The key of "route.routes" under which it is kept; nil when the plugin's table is another one than this host knows.
  func key(in table: TableReader) -> [UInt8]? {
    table.key([
      "destination": prefix.bytes, "gateway": gateway ?? [], "interface": Self.bytes(interface),
      "table": Self.bytes(UInt32(Self.mainTable)), "metric": Self.bytes(metric), "prefix_length": [prefix.length],
      "family": [prefix.family], "tos": [0], "type": [type],
    ])
  }

  private static func attribute(_ type: UInt16, _ value: [UInt8]) -> [UInt8] {
    bytes(UInt16(4 + value.count)) + bytes(type) + value + [UInt8](repeating: 0, count: -value.count & 3)
  }

  private static func bytes(_ number: some FixedWidthInteger) -> [UInt8] {
    unsafe withUnsafeBytes(of: number) { unsafe Array($0) }
  }
}
