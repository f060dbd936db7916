import CNetISR
import CPacketIO
import NetISR
import Synchronization

/// What the kernel says of a network device: netdevice(7).
public struct DeviceLink: Hashable, Sendable {
  /// The kernel's number of it.
  public var index: UInt32
  /// In bytes.
  public var mtu: UInt32
  /// ARPHRD_...
  public var hardware: UInt16
  /// The link address; empty if it has none.
  public var address: [UInt8]
  /// It is wanted up, and its carrier is there.
  public var isRunning: Bool

  /// Looks at the device.
  public static func read(_ name: String) throws(LiveError) -> DeviceLink {
    var link = packetio_link()
    let result = unsafe packetio_link_read(name, &link)
    guard result == 0 else { throw LiveError(result, of: name, capability: "CAP_NET_ADMIN") }
    let bytes = link.address
    let address = [bytes.0, bytes.1, bytes.2, bytes.3, bytes.4, bytes.5, bytes.6, bytes.7]
    return DeviceLink(
      index: link.index, mtu: link.mtu, hardware: link.hardware,
      address: Array(address.prefix(Int(link.address_length))),
      isRunning: link.is_running)
  }

  /// What its frames begin with; nil when that is nothing that is taken here.
  public var linkType: LinkType? {
    if packetio_hardware_is_ethernet(hardware) { return .en10MB }
    if packetio_hardware_is_ip(hardware) { return .raw }
    return nil
  }

  /// Writes link state, MTU, index and link address into an interface that may be in use: each with one aligned store,
  /// so that a reader sees the old or the new value. `address` replaces the device's own.
  public func write(to interface: UnsafeMutablePointer<ifnet>, address: [UInt8]? = nil) {
    let address = address ?? self.address
    var word: UInt64 = 0
    unsafe withUnsafeMutableBytes(of: &word) { unsafe $0.copyBytes(from: address.prefix(8)) }
    unsafe Self.store(word, at: &interface.pointee.if_lladdr)
    unsafe Self.store(UInt32(min(address.count, 8)), at: &interface.pointee.if_lladdrlen)
    unsafe Self.store(index, at: &interface.pointee.if_sysindex)
    unsafe Self.store(mtu, at: &interface.pointee.if_mtu)
    unsafe Self.setUp(isRunning, interface)
  }

  /// Sets or clears IFNET_UP.
  public static func setUp(_ isUp: Bool, _ interface: UnsafeMutablePointer<ifnet>) {
    let flags = unsafe interface.pointee.if_flags & ~IFNET_UP
    unsafe store(isUp ? flags | IFNET_UP : flags, at: &interface.pointee.if_flags)
  }

  // The fields of struct ifnet are aligned for it, and live as long as the engine. Relaxed: values of their own.

  private static func store(_ value: UInt32, at field: UnsafeMutableRawPointer) {
    unsafe field.assumingMemoryBound(to: Atomic<UInt32>.self).pointee.store(value, ordering: .relaxed)
  }

  private static func store(_ value: UInt64, at field: UnsafeMutableRawPointer) {
    unsafe field.assumingMemoryBound(to: Atomic<UInt64>.self).pointee.store(value, ordering: .relaxed)
  }
}
