import CNetISR
import Glibc

// ifnet.h's functions, on the calling thread's engine.

/// `ifnet_byindex`, as ifnet.h describes it.
@c @implementation
public func ifnet_byindex(_ index: UInt32) -> UnsafeMutablePointer<ifnet>? {
  unsafe ThreadContext.current?.pointee.engine.interfaces.interface(index)
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
  return unsafe output.transmit(ifp, m)
}

/// `if_start`, as ifnet.h describes it.
@c @implementation
public func if_start(_ ifp: UnsafeMutablePointer<ifnet>!) -> UInt32 {
  guard let ifp = unsafe ifp, let context = unsafe ThreadContext.current,
    let output = unsafe context.pointee.engine.interfaces.output(ifp.pointee.if_index)
  else { return 0 }
  return unsafe output.start(ifp)
}
