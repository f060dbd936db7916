import CNetISR
import NetISR
import Testing
import TestSupport

/// A station of this host: an interface that sends into a recorder, with the arp plugin.
struct ARPStation {
  static let own: [UInt8] = [2, 0, 0, 0, 0, 0x99]
  static let broadcast = [UInt8](repeating: 0xff, count: 6)
  static let second: UInt64 = 1_000_000_000
  /// A tenth of it: how exactly arp counts time.
  static let tick = second / 10

  let harness: Harness
  let recorder = FrameRecorder()
  let interface: UnsafeMutablePointer<ifnet>

  /// 10.0.0.2/24 and 192.168.7.1/16, which the plugin is not told of yet.
  init(detecting: Bool = false, plugins: [String] = ["arp"]) throws {
    harness = try Harness(plugins: plugins)
    interface = try #require(
      harness.engine.interfaces.make(
        name: "own", type: IFT_ETHER, flags: detecting ? 0 : UInt32(IFNET_NODAD), output: recorder))
    withUnsafeMutableBytes(of: &interface.pointee.if_lladdr) { $0.copyBytes(from: Self.own) }
    interface.pointee.if_lladdrlen = 6
    setAddresses([[10, 0, 0, 2], [192, 168, 7, 1]], [24, 16])
  }

  /// Writes addresses, and says nothing of it.
  func setAddresses(_ addresses: [[UInt8]], _ lengths: [UInt8]) {
    interface.pointee.if_addrcount = 0
    withUnsafeMutableBytes(of: &interface.pointee.if_addrs) { field in
      let list = field.bindMemory(to: ifnet_addr.self)
      for (index, address) in addresses.enumerated() {
        list[index] = ifnet_addr()
        list[index].ia_family = 4
        list[index].ia_prefixlen = lengths[index]
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

  /// The addresses are announced and settled, and what was sent for it is forgotten.
  func settle() {
    noteChange()
    pass(12 * Self.second)
    _ = recorder.take()
  }

  /// A message comes in, now.
  func input(_ message: [UInt8]) {
    let now = harness.engine.withAttachedThread { netisr_time() }
    harness.input(NETISR_ARP, message, time: now, interface: interface)
  }

  /// An IPv4 packet is to be sent to a next hop.
  @discardableResult
  func output(_ packet: [UInt8], to address: [UInt8]) -> Int32 {
    harness.engine.withAttachedThread { if_output(interface, Harness.makeChain(packet)!, 4, address) }
  }

  /// A message as it is on the link, from this station.
  static func frame(
    _ operation: UInt8, to destination: [UInt8], from sender: [UInt8], _ targetLink: [UInt8],
    _ target: [UInt8]
  ) -> [UInt8] {
    destination + own + [8, 6, 0, 1, 8, 0, 6, 4, 0, operation] + own + sender + targetLink + target
  }

  static func request(for target: [UInt8], from sender: [UInt8]) -> [UInt8] {
    frame(1, to: broadcast, from: sender, [0, 0, 0, 0, 0, 0], target)
  }

  static func announcement(_ address: [UInt8]) -> [UInt8] { request(for: address, from: address) }
  static func probe(_ address: [UInt8]) -> [UInt8] { request(for: address, from: [0, 0, 0, 0]) }
}
