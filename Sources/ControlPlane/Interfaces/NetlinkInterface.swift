import CNetISR
import NetISR
import PacketIO

/// What the kernel says by rtnetlink as an interface: `netlink:`.
@safe
final class NetlinkInterface: HostedInterface, @unchecked Sendable {
  let name: String
  let spec: String
  private let engine: Engine
  private let interface: UnsafeMutablePointer<ifnet>
  private let receiver: LiveReceiver
  private let thread: ReceiveThread
  private let lock = Lock()
  // Under the lock.
  private var overruns: UInt64 = 0

  init(
    _ netlink: NetlinkSpec, spec: String, engine: Engine, admission: Admission, privileges: PrivilegedThread?,
    cpu: UInt32
  ) throws(ControlError) {
    try VnetRange.check(netlink.vnet, of: spec)
    guard
      let interface = unsafe engine.interfaces.make(
        name: netlink.name, type: IFT_NETLINK, vnet: netlink.vnet, mtu: 65_535)
    else {
      throw ControlError(.failed, "\(spec): all \(InterfaceRegistry.limit) interfaces are in use")
    }
    let open = { () throws(LiveError) in
      try unsafe LiveReceiver.netlink(interface: interface, sink: EngineSink(settle: nil))
    }
    do throws(LiveError) {
      receiver = try privileges.perform(open)
    } catch {
      unsafe engine.interfaces.withdraw(interface)
      throw ControlError(.failed, "\(spec): \(error)")
    }
    name = netlink.name
    self.spec = spec
    self.engine = engine
    unsafe self.interface = unsafe interface
    thread = ReceiveThread(receiver, name: name, engine: engine, cpu: cpu, admission: admission)
  }

  var summaries: [InterfaceSummary] {
    var summary = unsafe InterfaceSummary(interface, kind: "netlink", spec: spec, state: "up")
    summary.linktype = LinkType.netlink.name
    summary.take(thread.meter.statistics)
    summary.kernelDropped = lock.withLock {
      overruns += receiver.takeDrops()
      return overruns
    }
    return [summary]
  }

  func quiesce() { thread.stop() }

  func stop() {
    unsafe DeviceLink.setUp(false, interface)
    unsafe engine.interfaces.withdraw(interface)
  }
}
