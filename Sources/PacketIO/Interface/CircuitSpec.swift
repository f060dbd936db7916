import CNetISR

/// A permanent ATM circuit inside of the host as the user asks for it: `atm:NAME?pvc=3/100`, with the ends NAMEa and NAMEb.
public struct CircuitSpec: Hashable, Sendable {
  /// How payloads lie in AAL5 PDUs (RFC 2684).
  public enum Encapsulation: UInt8, Sendable {
    /// LLC with SNAP (section 5.1).
    case llc = 1
    /// As they are (section 6.1): VC multiplexing.
    case vc = 2
  }

  /// The MTU of IP over AAL5 (RFC 2225, section 7.2), in bytes.
  public static let usualMTU: UInt32 = 9180

  /// What both ends' names begin with.
  public var name: String
  /// The virtual path, 0 to 255.
  public var vpi: UInt16 = 0
  /// The virtual channel, 32 to 65,535.
  public var vci: UInt16 = 100
  /// How the ends send.
  public var encapsulation = Encapsulation.llc
  /// Bytes of the longest packet.
  public var mtu = Self.usualMTU
  /// The addresses of end a, and of end b.
  public var addresses: (a: [InterfaceAddress], b: [InterfaceAddress]) { (ends.addressesA, ends.addressesB) }
  /// The virtual stacks of the ends.
  public var vnets: (a: UInt32, b: UInt32) { (ends.vnetA, ends.vnetB) }
  private var ends = EndOptions()

  private static let options = (EndOptions.accepted + ["encap=llc|vc", "mtu=N", "pvc=VPI/VCI"]).sorted()

  init(_ text: SpecText) throws(InterfaceSpecError) {
    name = try text.name(after: "atm", limit: 30)
    for option in text.options where try !ends.take(option, of: text) {
      switch option.name {
      // The longest payload of a PDU, without LLC.
      case "mtu": mtu = UInt32(try text.number(option, in: 68...65_527))
      case "pvc": (vpi, vci) = try Self.circuit(option, text)
      case "encap":
        switch option.value {
        case "llc": encapsulation = .llc
        case "vc": encapsulation = .vc
        default: throw text.error("option \"encap\": expected llc or vc, found \"\(option.value ?? "")\"")
        }
      default: throw text.unknown(option, accepted: Self.options)
      }
    }
    try ends.check(text)
  }

  private static func circuit(
    _ option: SpecText.Option, _ text: SpecText
  ) throws(InterfaceSpecError) -> (UInt16, UInt16) {
    let parts = (option.value ?? "").split(separator: "/", omittingEmptySubsequences: false)
    guard parts.count == 2, let vpi = UInt16(parts[0]), vpi < 256, let vci = UInt16(parts[1]), vci >= 32 else {
      throw text.error("option \"pvc\": expected VPI/VCI, 0 to 255 and 32 to 65535, found \"\(option.value ?? "")\"")
    }
    return (vpi, vci)
  }
}
