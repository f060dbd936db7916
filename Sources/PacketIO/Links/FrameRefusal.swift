/// Why a captured frame is not a packet for any protocol.  Each is a counter of the interface, never an error.
public enum FrameRefusal: Error, Hashable, Sendable {
  /// Fewer bytes were captured than the link header has.
  case tooShort
  /// The link header is whole, but what it announces has no protocol here.
  case unsupported(UnsupportedReason)
}

/// What an unsupported frame carries.  `description` is the name of its counter.
public enum UnsupportedReason: Hashable, Sendable, CustomStringConvertible {
  /// An address family of a NULL or LOOP header.
  case addressFamily(UInt32)
  /// A protocol of a cooked header that is no EtherType and no 802.3 frame.
  case cookedProtocol(UInt16)
  /// A cooked header of a device whose frames are no Ethernet payload; a Linux ARPHRD_ number.
  case hardwareType(UInt16)
  /// A netlink family other than NETLINK_ROUTE.
  case netlinkFamily(UInt16)
  /// A record type of ERF.
  case erfType(UInt8)
  /// A frame of ATM LAN emulation, which is not RFC 2684.
  case lanEmulation
  /// Reasons beyond the number that one interface keeps apart.
  case others

  /// A short text with the value in it, such as "address family 7".
  public var description: String {
    switch self {
    case .addressFamily(let family): "address family \(family)"
    case .cookedProtocol(let proto): "cooked protocol \(proto)"
    case .hardwareType(let type): "hardware type \(type)"
    case .netlinkFamily(let family): "netlink family \(Self.netlinkName(family))"
    case .erfType(let type): "ERF type \(type)"
    case .lanEmulation: "LAN emulation"
    case .others: "others"
    }
  }

  /// The name after NETLINK_ in linux/netlink.h, in lower case, or the number.
  private static func netlinkName(_ family: UInt16) -> String {
    switch family {
    case 2: "usersock"
    case 4: "sock_diag"
    case 5: "nflog"
    case 6: "xfrm"
    case 7: "selinux"
    case 9: "audit"
    case 10: "fib_lookup"
    case 11: "connector"
    case 12: "netfilter"
    case 15: "kobject_uevent"
    case 16: "generic"
    case 21: "crypto"
    case 22: "smc"
    default: "\(family)"
    }
  }
}
