import CNetISR
import NetISR

/// Names for protocol numbers: those of who serves them, or the contract's.
struct ProtocolNames {
  private var names: [UInt32: String] = [
    UInt32(NETISR_IP): "ip", UInt32(NETISR_IGMP): "igmp", UInt32(NETISR_ROUTE): "route", UInt32(NETISR_ARP): "arp",
    UInt32(NETISR_ETHER): "ether", UInt32(NETISR_IPV6): "ip6", UInt32(NETISR_NATM): "natm",
    UInt32(NETISR_EPAIR): "epair", UInt32(NETISR_IP_DIRECT): "ip_direct", UInt32(NETISR_IPV6_DIRECT): "ip6_direct",
  ]

  init(_ protocols: [ProtocolStatistics]) {
    for item in protocols { names[item.proto] = item.name }
  }

  subscript(number: UInt32) -> String { names[number] ?? "protocol \(number)" }
}
