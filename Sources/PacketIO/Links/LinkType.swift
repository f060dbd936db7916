import CLibPcap

/// The link-layer header types that a capture may have here, under libpcap's names.
///
/// Source: <https://www.tcpdump.org/linktypes.html>.
public enum LinkType: String, CaseIterable, Sendable {
  case en10MB = "EN10MB"
  case linuxSLL = "LINUX_SLL"
  case linuxSLL2 = "LINUX_SLL2"
  case null = "NULL"
  case loop = "LOOP"
  case raw = "RAW"
  case ipv4 = "IPV4"
  case ipv6 = "IPV6"
  case atmRFC1483 = "ATM_RFC1483"
  case sunATM = "SUNATM"
  case erf = "ERF"
  case netlink = "NETLINK"

  /// The link type with this number, as pcap_datalink(3PCAP) answers it, or nil when it is not supported.
  ///
  /// RAW is the one type whose number differs between systems: 12, 14 (OpenBSD), and 101 inside files.
  public init?(number: Int32) {
    switch number {
    case 1: self = .en10MB
    case 113: self = .linuxSLL
    case 276: self = .linuxSLL2
    case 0: self = .null
    case 108: self = .loop
    case 12, 14, 101: self = .raw
    case 228: self = .ipv4
    case 229: self = .ipv6
    case 11: self = .atmRFC1483
    case 123: self = .sunATM
    case 197: self = .erf
    case 253: self = .netlink
    default: return nil
    }
  }

  /// libpcap's name, such as "EN10MB".
  public var name: String { rawValue }

  /// The names of all supported link types, for messages.
  public static var supportedNames: String {
    allCases.map(\.name).joined(separator: ", ")
  }

  /// What libpcap calls this number: "IEEE802_11 (802.11)", or "unknown to libpcap".
  static func describe(number: Int32) -> String {
    // Both functions answer NULL or a constant string.
    guard let name = unsafe pcap_datalink_val_to_name(number) else { return "unknown to libpcap" }
    guard let description = unsafe pcap_datalink_val_to_description(number) else { return unsafe String(cString: name) }
    return unsafe "\(String(cString: name)) (\(String(cString: description)))"
  }
}
