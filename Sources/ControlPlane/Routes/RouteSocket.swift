import CNetISR
import Glibc
import NetISR

/// Where the operator's changes of routes enter: as packets of NETISR_ROUTE, the way that the kernel's take, so that it is
/// the route plugin that keeps the tables, whoever speaks. [control]
///
/// A packet's vnet is its interface's. So each vnet has an interface for this, which nobody else finds.
@safe
final class RouteSocket: @unchecked Sendable {
  private let engine: Engine
  private let lock = Lock()
  // Under the lock. Interfaces live as long as the engine.
  private var interfaces: [UInt32: UnsafeMutablePointer<ifnet>]

  init(engine: Engine) {
    self.engine = engine
    unsafe interfaces = [:]
  }

  /// Hands messages to route, by its dispatch policy.
  func send(_ messages: [UInt8], vnet: UInt32) throws(ControlError) {
    guard let interface = unsafe interface(vnet: vnet) else {
      throw ControlError(.failed, "all \(InterfaceRegistry.limit) interfaces are in use")
    }
    let error = engine.withAttachedThread { () -> Int32 in
      guard let m = unsafe m_getcl(M_NOWAIT, MT_DATA, Int32(M_PKTHDR)) else { return ENOBUFS }
      guard unsafe m_copyback(m, 0, Int32(messages.count), messages) == 0 else {
        unsafe m_freem(m)
        return ENOBUFS
      }
      unsafe m.pointee.m_pkthdr.rcvif = unsafe interface
      unsafe m.pointee.m_pkthdr.rcv_tstmp = netisr_time()
      unsafe m.pointee.m_pkthdr.wirelen = UInt32(messages.count)
      return unsafe netisr_dispatch(UInt32(NETISR_ROUTE), m)
    }
    switch error {
    case 0: return
    case ENOBUFS: throw ControlError(.failed, "route takes no message: its queue is full, or memory ran out")
    case EPROTONOSUPPORT:
      throw ControlError(.conflict, "nobody serves protocol \(NETISR_ROUTE), route: load the route plugin")
    case ENOPROTOOPT:
      throw ControlError(
        .conflict, "route is disabled in vnet \(vnet): enable it with `netisr vnet enable route \(vnet)`")
    default: throw unsafe ControlError(.failed, "route takes no message: \(String(cString: strerror(error)))")
    }
  }

  /// Tells route that an interface is gone that no kernel tells of. Nobody may serve route.
  func tellGone(_ index: UInt32, vnet: UInt32) {
    // struct nlmsghdr with RTM_DELLINK, and struct ifinfomsg: 32 bytes, in host order.
    let words: [UInt32] = [32, 17, 0, 0, 0, index, 0, 0]
    let message = words.flatMap { word in unsafe withUnsafeBytes(of: word) { unsafe Array($0) } }
    try? send(message, vnet: vnet)
  }

  private func interface(vnet: UInt32) -> UnsafeMutablePointer<ifnet>? {
    unsafe lock.withLock {
      if let known = unsafe interfaces[vnet] { return unsafe known }
      let made = unsafe engine.interfaces.make(
        name: "route\(vnet)", type: IFT_NETLINK, vnet: vnet, mtu: 65_535, isHidden: true)
      if let made = unsafe made { unsafe interfaces[vnet] = unsafe made }
      return unsafe made
    }
  }
}
