/// What the options of two ends inside of the host say that are joined: `inet=`, `inet6=` and `vnet=` of end a, the same with
/// `peer-` of end b, which is in end a's vnet if nothing else is said.
struct EndOptions: Hashable, Sendable {
  /// As people are told them.
  static let accepted = [
    "inet=ADDRESS/BITS,...", "inet6=ADDRESS/BITS,...", "peer-inet=ADDRESS/BITS,...", "peer-inet6=ADDRESS/BITS,...",
    "peer-vnet=N", "vnet=N",
  ]

  private(set) var addressesA: [InterfaceAddress] = []
  private(set) var addressesB: [InterfaceAddress] = []
  private(set) var vnetA: UInt32 = 0
  private var peerVnet: UInt32?

  var vnetB: UInt32 { peerVnet ?? vnetA }

  /// Takes one option; false when it is none of these.
  mutating func take(_ option: SpecText.Option, of text: SpecText) throws(InterfaceSpecError) -> Bool {
    switch option.name {
    case "inet", "inet6": addressesA += try text.addresses(option)
    case "peer-inet", "peer-inet6": addressesB += try text.addresses(option)
    case "vnet": vnetA = UInt32(try text.number(option, in: 0...UInt64(UInt32.max)))
    case "peer-vnet": peerVnet = UInt32(try text.number(option, in: 0...UInt64(UInt32.max)))
    default: return false
    }
    return true
  }

  /// After the last option: whether the addresses are good together.
  func check(_ text: SpecText) throws(InterfaceSpecError) {
    try text.check(addressesA)
    try text.check(addressesB)
  }
}
