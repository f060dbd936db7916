import CNetISR
import CPacketIO
import NetISR

/// A device of the kernel, opened: its queues to receive from, and its way out.
///
/// Opening takes rights; using it does not. It is closed when the last one lets go of it, and promiscuity with it.
public final class LiveDevice: @unchecked Sendable {
  /// The device as it was when it was opened.
  public let link: DeviceLink
  let sources: [any FrameSource]
  let sender: any FrameSender
  private let lock = Lock()
  // Under the lock; of tap devices.
  private var drops: DeviceDrops?

  private init(link: DeviceLink, sources: [any FrameSource], sender: any FrameSender, drops: DeviceDrops? = nil) {
    self.link = link
    self.sources = sources
    self.sender = sender
    self.drops = drops
  }

  /// Queues to receive from, each by a thread of its own.
  public var queueCount: Int { sources.count }

  /// Frames that the kernel dropped for want of room, since it was asked last. [any thread]
  public func takeDrops() -> UInt64 {
    lock.withLock { sources.reduce(drops?.take() ?? 0) { $0 + $1.takeDrops() } }
  }

  /// The receiver of one queue.
  ///
  /// - Parameters:
  ///   - interface: outlives every packet.
  ///   - sink: gets the packets.
  public func receiver(
    queue: Int, interface: UnsafeMutablePointer<ifnet>, sink: any FrameSink
  ) -> LiveReceiver {
    unsafe LiveReceiver(sources[queue], interface: interface, sink: sink)
  }

  /// Opens what the user asked for. [control] On a thread that has the rights.
  public static func open(_ spec: LiveSpec) throws(LiveError) -> LiveDevice {
    switch spec.kind {
    case .packet: try openPacket(spec)
    case .tap: try openTap(spec)
    }
  }

  private static func openPacket(_ spec: LiveSpec) throws(LiveError) -> LiveDevice {
    let name = spec.device
    let link = try DeviceLink.read(name)
    guard let linkType = link.linkType else {
      throw LiveError(
        .unsupported, "\(name): hardware type \(link.hardware) (ARPHRD_) is neither Ethernet nor plain IP")
    }
    var rings: [ReceiveRing] = []
    var group: UInt16 = 0
    for _ in 0..<spec.queues {
      let ring = try ReceiveRing(
        device: name, index: link.index, linkType: linkType,
        reach: rings.isEmpty ? reach(of: spec) : PACKETIO_REACH_USUAL)
      if spec.queues > 1 { try ring.join(&group, device: name) }
      rings.append(ring)
    }
    let sender = try PacketSender(device: name, index: link.index, isEthernet: linkType == .en10MB)
    for ring in rings { try ring.start(device: name) }
    return LiveDevice(link: link, sources: rings, sender: sender)
  }

  /// A station hears all groups: those that it is a member of, and what others say of theirs. What only listens takes what
  /// the device takes anyway.
  private static func reach(of spec: LiveSpec) -> packetio_reach {
    spec.isPromiscuous ? PACKETIO_REACH_ALL : spec.isMonitor ? PACKETIO_REACH_USUAL : PACKETIO_REACH_GROUPS
  }

  private static func openTap(_ spec: LiveSpec) throws(LiveError) -> LiveDevice {
    let name = spec.device
    var queues: [TapQueue] = []
    for _ in 0..<spec.queues { queues.append(try TapQueue(device: name, hasQueues: spec.queues > 1)) }
    if let mtu = spec.mtu { try check(unsafe packetio_link_set_mtu(name, mtu), name) }
    if spec.isUp { try check(unsafe packetio_link_set_up(name, true), name) }
    return LiveDevice(
      link: try DeviceLink.read(name), sources: queues, sender: queues[0], drops: DeviceDrops(device: name))
  }

  private static func check(_ result: Int32, _ name: String) throws(LiveError) {
    guard result == 0 else { throw LiveError(result, of: name, capability: "CAP_NET_ADMIN") }
  }
}
