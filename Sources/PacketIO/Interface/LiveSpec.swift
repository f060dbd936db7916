import CNetISR

/// A device of the kernel as the user asks for it: `packet:eth0?promisc&queues=2`, `tap:tap0?inet=192.0.2.2/24`.
public struct LiveSpec: Hashable, Sendable {
  /// How the device is reached.
  public enum Kind: String, Sendable {
    /// A device that is there, by packet sockets.
    case packet
    /// A tap device, made here.
    case tap
  }

  /// How the device is reached.
  public var kind: Kind
  /// The device's name in the kernel; the interface has it too.
  public var device: String
  /// The interface's own addresses, which are none of the kernel's.
  public var addresses: [InterfaceAddress] = []
  /// The virtual stack of the interface.
  public var vnet: UInt32 = 0
  /// Whether frames for other stations come in as well.
  public var isPromiscuous = false
  /// Whether it only listens: every destination counts as local, nothing is answered.
  public var isMonitor = false
  /// Threads that receive, each from a queue of its own.
  public var queues = 1
  /// Whether a tap device is brought up.
  public var isUp = true
  /// A tap device's MTU in bytes; nil for the kernel's default.
  public var mtu: UInt32?

  /// The device with that name, without options.
  public init(_ kind: Kind, _ device: String) {
    self.kind = kind
    self.device = device
  }

  private static let common = ["inet=ADDRESS/BITS,...", "inet6=ADDRESS/BITS,...", "monitor", "queues=N", "vnet=N"]

  init(_ kind: Kind, _ text: SpecText) throws(InterfaceSpecError) {
    self.init(kind, try text.name(after: kind.rawValue, limit: 15))
    let accepted = (Self.common + (kind == .packet ? ["promisc"] : ["down", "mtu=N"])).sorted()
    for option in text.options {
      switch (option.name, kind) {
      case ("inet", _), ("inet6", _): addresses += try text.addresses(option)
      case ("vnet", _): vnet = UInt32(try text.number(option, in: 0...UInt64(UInt32.max)))
      // Several receive threads are several workers of the interface's.
      case ("queues", _), ("workers", _): queues = Int(try text.number(option, in: 1...64))
      case ("monitor", _): isMonitor = try text.flag(option)
      case ("promisc", .packet): isPromiscuous = try text.flag(option)
      case ("down", .tap): isUp = try !text.flag(option)
      case ("mtu", .tap): mtu = UInt32(try text.number(option, in: 68...65521))
      default: throw text.unknown(option, accepted: accepted)
      }
    }
    try text.check(addresses)
  }
}

/// A pair inside of the host as the user asks for it: `epair:NAME`, whose ends are NAMEa and NAMEb.
public struct PairSpec: Hashable, Sendable {
  /// What both ends' names begin with.
  public var name: String
  /// The addresses of end a, and of end b.
  public var addresses: (a: [InterfaceAddress], b: [InterfaceAddress]) { (ends.addressesA, ends.addressesB) }
  /// The virtual stacks of the ends.
  public var vnets: (a: UInt32, b: UInt32) { (ends.vnetA, ends.vnetB) }
  private var ends = EndOptions()

  init(_ text: SpecText) throws(InterfaceSpecError) {
    name = try text.name(after: "epair", limit: 30)
    for option in text.options where try !ends.take(option, of: text) {
      throw text.unknown(option, accepted: EndOptions.accepted)
    }
    try ends.check(text)
  }
}

/// What the kernel says by rtnetlink, as the user asks for it: `netlink:`, or `netlink:NAME?vnet=N`.
public struct NetlinkSpec: Hashable, Sendable {
  /// The interface's name.
  public var name: String
  /// The virtual stack that learns of it.
  public var vnet: UInt32 = 0

  init(_ text: SpecText) throws(InterfaceSpecError) {
    name = text.address.isEmpty ? "netlink" : try text.name(after: "netlink", limit: 31)
    for option in text.options {
      switch option.name {
      case "vnet": vnet = UInt32(try text.number(option, in: 0...UInt64(UInt32.max)))
      default: throw text.unknown(option, accepted: ["vnet=N"])
      }
    }
  }
}

extension SpecText {
  /// The address as a name.
  func name(after scheme: String, limit: Int) throws(InterfaceSpecError) -> String {
    guard !address.isEmpty else { throw error("expected a name after \"\(scheme):\"") }
    guard address.utf8.count <= limit, !address.contains(where: { $0 == "/" || $0.isWhitespace }) else {
      throw error("expected a name of at most \(limit) bytes, without \"/\" and spaces, found \"\(address)\"")
    }
    return String(address)
  }

  /// An option without a value.
  func flag(_ option: Option) throws(InterfaceSpecError) -> Bool {
    guard option.value == nil else {
      throw error("option \"\(option.name)\" takes no value, found \"\(option.value!)\"")
    }
    return true
  }

  /// The value of `inet=`, `inet6=`, or of the peer's.
  func addresses(_ option: Option) throws(InterfaceSpecError) -> [InterfaceAddress] {
    let family: UInt8 = option.name.hasSuffix("6") ? 6 : 4
    var addresses: [InterfaceAddress] = []
    for part in (option.value ?? "").split(separator: ",", omittingEmptySubsequences: false) {
      guard let address = InterfaceAddress(part, family: family) else {
        throw error("option \"\(option.name)\": expected an IPv\(family) ADDRESS/BITS, found \"\(part)\"")
      }
      addresses.append(address)
    }
    return addresses
  }

  /// An interface has room for so many.
  func check(_ addresses: [InterfaceAddress]) throws(InterfaceSpecError) {
    guard addresses.count <= Int(IFNET_MAXADDRS) else {
      throw error("expected at most \(IFNET_MAXADDRS) addresses, found \(addresses.count)")
    }
  }
}
