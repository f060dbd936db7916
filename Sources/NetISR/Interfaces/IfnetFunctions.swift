import CNetISR
import Glibc

// ifnet.h's functions, on the calling thread's engine.

/// `ifnet_byindex`, as ifnet.h describes it.
@c @implementation
public func ifnet_byindex(_ index: UInt32) -> UnsafeMutablePointer<ifnet>? {
  unsafe ThreadContext.current?.pointee.engine.interfaces.interface(index)
}

/// `ifnet_bysysindex`, as ifnet.h describes it.
@c @implementation
public func ifnet_bysysindex(_ sysindex: UInt32, _ vnet: UInt32) -> UnsafeMutablePointer<ifnet>? {
  unsafe ThreadContext.current?.pointee.engine.interfaces.interface(systemIndex: sysindex, vnet: vnet)
}

/// `ifnet_next`, as ifnet.h describes it.
@c @implementation
public func ifnet_next(_ index: UInt32) -> UnsafeMutablePointer<ifnet>? {
  unsafe ThreadContext.current?.pointee.engine.interfaces.next(after: index)
}

/// `ifnet_maxindex`, as ifnet.h describes it.
@c @implementation
public func ifnet_maxindex() -> UInt32 {
  unsafe ThreadContext.current?.pointee.engine.interfaces.maxIndex ?? 0
}

/// `if_transmit`, as ifnet.h describes it.
@c @implementation
public func if_transmit(_ ifp: UnsafeMutablePointer<ifnet>!, _ m: UnsafeMutablePointer<mbuf>!) -> Int32 {
  guard let m = unsafe m else { return EINVAL }
  guard let ifp = unsafe ifp, let context = unsafe ThreadContext.current,
    let output = unsafe context.pointee.engine.interfaces.output(ifp.pointee.if_index)
  else {
    unsafe m_freem(m)
    return ENXIO
  }
  // Handed on: it may wait there, and is not its last handler's any more.
  unsafe m.pointee.m_ispare = 0
  return unsafe output.transmit(ifp, m)
}

/// `if_output`, as ifnet.h describes it.
@c @implementation
public func if_output(
  _ ifp: UnsafeMutablePointer<ifnet>!, _ m: UnsafeMutablePointer<mbuf>!, _ family: UInt32, _ addr: UnsafeRawPointer!
) -> Int32 {
  guard let m = unsafe m else { return EINVAL }
  var error: Int32 = 0
  if unsafe ifp == nil || addr == nil {
    error = EINVAL
  } else if family != 4 && family != 6 {
    error = EAFNOSUPPORT
  } else if unsafe ifnet_flags(ifp) & UInt32(IFNET_MONITOR) != 0 {
    error = ENXIO
  } else if unsafe ifnet_flags(ifp) & UInt32(IFNET_UP) == 0 {
    error = ENETDOWN
  }
  guard error == 0 else {
    unsafe m_freem(m)
    return error
  }
  unsafe m.pointee.m_pkthdr.rcvif = unsafe ifp
  unsafe m.pointee.m_flags |= M_NEXTHOP
  unsafe withUnsafeMutableBytes(of: &m.pointee.m_pkthdr.ph_loc) { words in
    var hop = if_nexthop()
    hop.nh_family = family
    unsafe withUnsafeMutableBytes(of: &hop.nh_addr) {
      unsafe $0.copyMemory(from: UnsafeRawBufferPointer(start: addr, count: family == 4 ? 4 : 16))
    }
    unsafe words.storeBytes(of: hop, as: if_nexthop.self)
  }
  // A circuit has one other end: nothing is to be resolved.
  if unsafe ifp.pointee.if_type == UInt32(IFT_ATM) { return unsafe netisr_dispatch(UInt32(NETISR_NATM), m) }
  return unsafe netisr_dispatch(UInt32(family == 4 ? NETISR_ARP : NETISR_IPV6), m)
}

/// `if_start`, as ifnet.h describes it.
@c @implementation
public func if_start(_ ifp: UnsafeMutablePointer<ifnet>!) -> UInt32 {
  guard let ifp = unsafe ifp, let context = unsafe ThreadContext.current,
    let output = unsafe context.pointee.engine.interfaces.output(ifp.pointee.if_index)
  else { return 0 }
  return unsafe output.start(ifp)
}
