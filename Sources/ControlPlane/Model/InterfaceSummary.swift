import CNetISR
import PacketIO

/// An interface, and what came in and went out by it.
///
/// frames = entered + too_short + the sum of unsupported + no_buffers, for all but pairs.
public struct InterfaceSummary: Codable, Sendable {
  /// `file0`, `file1`, ... for captures; the device's; of a pair's end.
  public var name: String
  /// `file`, `packet`, `tap`, `epair`, `atm` or `netlink`.
  public var kind: String
  /// What the user wrote.
  public var spec: String
  /// The interface's number, which no other ever gets; 0 for captures.
  public var index: UInt32
  /// Its virtual stack.
  public var vnet: UInt32
  /// The file that it reads; empty for what is no capture.
  public var file: String
  /// libpcap's name of the link type; empty when it is not known yet.
  public var linktype: String
  /// Captures: `running`, `ended`, or what is wrong. Others: `up`, `down` (the link is), `waiting` (the device was never
  /// there, or may not be opened), `gone` (it was there, and is waited for).
  public var state: String
  /// Why it waits.
  public var reason: String?
  /// In bytes.
  public var mtu: UInt32
  /// The link address, `02:00:5e:10:00:01`, or empty.
  public var address: String
  /// Its own addresses, `192.0.2.1/24`.
  public var addresses: [String]
  /// Threads that receive.
  public var queues: Int
  /// Times that the file was read to its end.
  public var passes: UInt64 = 0
  /// Frames read or received.
  public var frames: UInt64 = 0
  /// Bytes of them.
  public var bytes: UInt64 = 0
  /// Packets handed to a protocol.
  public var entered: UInt64 = 0
  /// Frames shorter than their link header.
  public var tooShort: UInt64 = 0
  /// Frames that no protocol takes, by what they carry.
  public var unsupported: [String: UInt64] = [:]
  /// Frames for which there was no memory.
  public var noBuffers: UInt64 = 0
  /// Frames that the kernel dropped because they were not taken in time; of netlink, how often it lost some.
  public var kernelDropped: UInt64 = 0
  /// Packets sent.
  public var sent: UInt64 = 0
  /// Bytes of them.
  public var sentBytes: UInt64 = 0
  /// Packets that were not sent: too many waited, or the device would not take them.
  public var sendDropped: UInt64 = 0

  enum CodingKeys: String, CodingKey {
    case name, kind, spec, index, vnet, file, linktype, state, reason, mtu, address, addresses, queues, passes, frames
    case bytes, entered, unsupported, sent
    case tooShort = "too_short"
    case noBuffers = "no_buffers"
    case kernelDropped = "kernel_dropped"
    case sentBytes = "sent_bytes"
    case sendDropped = "send_dropped"
  }

  /// Of a capture.
  init(name: String, file: String, vnet: UInt32, linkType: LinkType, state: String, _ statistics: InterfaceStatistics) {
    self.name = name
    kind = "file"
    spec = "file:\(file)"
    index = 0
    self.vnet = vnet
    self.file = file
    linktype = linkType.name
    self.state = state
    mtu = InterfaceTraits(linkType).mtu
    address = ""
    addresses = []
    queues = 1
    take(statistics)
  }

  /// Of an interface that is no capture, without figures.
  init(_ interface: UnsafeMutablePointer<ifnet>, kind: String, spec: String, state: String) {
    name = unsafe Self.name(of: interface)
    self.kind = kind
    self.spec = spec
    index = unsafe interface.pointee.if_index
    vnet = unsafe interface.pointee.if_vnet
    file = ""
    linktype = LinkType.en10MB.name
    self.state = state
    mtu = unsafe ifnet_mtu(interface)
    address = unsafe Self.address(of: interface)
    addresses = unsafe InterfaceAddress.read(from: interface).map(\.description)
    queues = 1
  }

  /// Enters what came in.
  mutating func take(_ statistics: InterfaceStatistics) {
    passes = statistics.passes
    frames = statistics.frames
    bytes = statistics.bytes
    entered = statistics.entered
    tooShort = statistics.tooShort
    unsupported = Dictionary(
      statistics.unsupported.map { ($0.key.description, $0.value) }, uniquingKeysWith: { $0 + $1 })
    noBuffers = statistics.noBuffers
  }

  static func name(of interface: UnsafeMutablePointer<ifnet>) -> String {
    unsafe withUnsafeBytes(of: interface.pointee.if_xname) {
      unsafe String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self)
    }
  }

  private static func address(of interface: UnsafeMutablePointer<ifnet>) -> String {
    var bytes = [UInt8](repeating: 0, count: 8)
    let count = unsafe Int(ifnet_lladdr(interface, &bytes))
    return bytes.prefix(count).map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined(separator: ":")
  }
}

/// What `netisr if list --json` and `netisr if stat --json` print.
public struct InterfaceList: Codable, Sendable {
  /// In the order in which they were made.
  public var interfaces: [InterfaceSummary]
}

/// The body of a request to make an interface.
struct InterfaceRequest: Codable, Sendable {
  var spec: String
}
