import CNetISR

/// What the `struct ifnet` of a capture says beside name, index and vnet, which are the host's to give.
public struct InterfaceTraits: Hashable, Sendable {
  /// if_type: IFT_...
  public var type: UInt32
  /// if_flags: up, and only listening.
  public var flags: UInt32
  /// if_mtu, in bytes: the most that IP allows, because a capture does not tell.
  public var mtu: UInt32

  /// The traits of a capture with this link type.
  public init(_ linkType: LinkType) {
    type =
      switch linkType {
      case .en10MB, .linuxSLL, .linuxSLL2: UInt32(IFT_ETHER)
      case .null, .loop: UInt32(IFT_LOOP)
      case .atmRFC1483, .sunATM, .erf: UInt32(IFT_ATM)
      case .netlink: UInt32(IFT_NETLINK)
      case .raw, .ipv4, .ipv6: UInt32(IFT_OTHER)
      }
    flags = IFNET_UP | IFNET_MONITOR
    mtu = 65_535
  }
}
