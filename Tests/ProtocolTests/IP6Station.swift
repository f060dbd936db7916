import CNetISR
import NetISR
import TestSupport
import Testing

/// A station of this host: an interface that sends into a recorder, with the ip6 plugin.
struct IP6Station {
  static let own: [UInt8] = [2, 0, 0, 0, 0, 0x99]
  /// fe80::ff:fe00:99, made of it (RFC 4291, appendix A: the local bit is turned over).
  static let linkLocal: [UInt8] = [0xfe, 0x80, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xfe, 0, 0, 0x99]
  /// 2001:db8::99, on the network of `IP6.globalA` and `IP6.globalB`.
  static let global: [UInt8] = [0x20, 0x01, 0x0d, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x99]
  /// The group of both.
  static let solicited: [UInt8] = [0xff, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0xff, 0, 0, 0x99]
  static let second: UInt64 = 1_000_000_000
  /// A tenth of it: how exactly ip6 counts time.
  static let tick = second / 10

  let harness: Harness
  let recorder = FrameRecorder()
  let interface: UnsafeMutablePointer<ifnet>

  /// fe80::ff:fe00:99 by itself, and 2001:db8::99/64, which the plugin is not told of yet.
  init(detecting: Bool = false, plugins: [String] = ["ip6"], addresses: [([UInt8], UInt8)] = [(global, 64)]) throws {
    harness = try Harness(plugins: plugins)
    interface = try Self.makeInterface(harness, "own", Self.own, recorder, detecting: detecting)
    Self.set(addresses, of: interface)
  }

  /// An Ethernet interface with that address that sends into a recorder.
  static func makeInterface(
    _ harness: Harness, _ name: String, _ link: [UInt8], _ recorder: FrameRecorder, detecting: Bool = false
  ) throws -> UnsafeMutablePointer<ifnet> {
    let interface = try #require(
      harness.engine.interfaces.make(
        name: name, type: IFT_ETHER, flags: detecting ? 0 : UInt32(IFNET_NODAD), output: recorder))
    withUnsafeMutableBytes(of: &interface.pointee.if_lladdr) { $0.copyBytes(from: link) }
    interface.pointee.if_lladdrlen = 6
    return interface
  }

  /// Writes addresses, and says nothing of it.
  static func set(_ addresses: [([UInt8], UInt8)], of interface: UnsafeMutablePointer<ifnet>) {
    interface.pointee.if_addrcount = 0
    withUnsafeMutableBytes(of: &interface.pointee.if_addrs) { field in
      let list = field.bindMemory(to: ifnet_addr.self)
      for (index, (address, length)) in addresses.enumerated() {
        list[index] = ifnet_addr()
        list[index].ia_family = 6
        list[index].ia_prefixlen = length
        withUnsafeMutableBytes(of: &list[index].ia_addr) { $0.copyBytes(from: address) }
      }
    }
    interface.pointee.if_addrcount = UInt32(addresses.count)
  }

  /// The plugin looks at the interfaces.
  func noteChange() {
    harness.engine.noteInterfaceChange()
    harness.engine.runCallouts()
  }

  /// Time passes, tick by tick.
  func pass(_ duration: UInt64) { harness.pass(duration, step: Self.tick) }

  /// The addresses are used, the groups reported, routers asked for; what was sent for it is forgotten.
  func settle() {
    noteChange()
    pass(20 * Self.second)
    _ = recorder.take()
  }

  /// A packet comes in, now.
  func input(
    _ packet: [UInt8], by other: UnsafeMutablePointer<ifnet>? = nil, split: [Int] = [], flags: UInt32 = 0
  ) {
    let now = harness.engine.withAttachedThread { netisr_time() }
    if flags == 0 {
      harness.input(NETISR_IPV6, packet, time: now, split: split, interface: other ?? interface)
    } else {
      harness.engine.withAttachedThread {
        let m = Harness.makeChain(packet, split: split)!
        m.pointee.m_pkthdr.rcvif = other ?? interface
        m.pointee.m_pkthdr.rcv_tstmp = now
        m.pointee.m_flags |= flags
        _ = netisr_dispatch(UInt32(NETISR_IPV6), m)
      }
    }
    harness.drain()
    harness.engine.runCallouts()
  }

  /// A datagram of this host's is to be sent.
  func output(_ packet: [UInt8], split: [Int] = []) { input(packet, split: split, flags: UInt32(M_LOCALOUT)) }

  /// A packet is to be sent to a next hop. 0 or an errno value.
  @discardableResult
  func output(_ packet: [UInt8], to address: [UInt8]) -> Int32 {
    harness.engine.withAttachedThread { if_output(interface, Harness.makeChain(packet)!, 6, address) }
  }

  /// Somebody is made known as a neighbour, by asking for this station; the answer is forgotten.
  func meet(_ address: [UInt8], at link: [UInt8]) {
    let target = address[0] == 0xfe ? Self.linkLocal : Self.global
    input(
      IP6.icmp6Packet(135, [0, 0, 0, 0] + target + [1, 1] + link, from: address, to: Self.solicited, hopLimit: 255))
    _ = recorder.take()
  }

  /// What was sent since the last look: IPv6 packets of all frames, each without its link header.
  func sent() -> [[UInt8]] { recorder.take().map { Array($0[14...]) } }

  // MARK: What is expected

  static func frame(_ packet: [UInt8], to link: [UInt8], from own: [UInt8] = own) -> [UInt8] {
    link + own + [0x86, 0xdd] + packet
  }

  /// The Ethernet group of a multicast address.
  static func group(_ address: [UInt8]) -> [UInt8] { [0x33, 0x33] + address[12...] }

  /// The solicited-node group of an address.
  static func solicitedNode(_ address: [UInt8]) -> [UInt8] {
    [0xff, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0xff] + address[13...]
  }

  static func solicitation(_ target: [UInt8], from source: [UInt8], to destination: [UInt8]? = nil) -> [UInt8] {
    IP6.icmp6Packet(
      135, [0, 0, 0, 0] + target + [1, 1] + own, from: source, to: destination ?? solicitedNode(target))
  }

  static func advertisement(_ target: [UInt8], to destination: [UInt8], flags: UInt8) -> [UInt8] {
    IP6.icmp6Packet(136, [flags, 0, 0, 0] + target + [2, 1] + own, from: target, to: destination)
  }
}

extension IP6Station {
  func set(_ setting: String, _ value: Int64) {
    #expect(harness.engine.setPluginSetting("net.inet6.\(setting)", to: value), "\(setting)")
  }

  /// A field of an entry of one of ip6's tables, whose key begins with these bytes: so many bytes of the value from `offset`.
  func entry(_ table: String, _ key: [UInt8]) -> [UInt8]? {
    harness.engine.tableEntries(of: "ip6.\(table)", vnet: 0)?.first { Array($0.key.prefix(key.count)) == key }?.value
  }

  /// The state of an own address; nil when the station does not have it.
  func addressState(_ address: [UInt8]) -> UInt8? { entry("addresses", address)?[0] }

  /// What is known of a neighbour: its state.
  func neighbourState(_ address: [UInt8]) -> UInt8? { entry("neighbours", address)?[20] }
}
