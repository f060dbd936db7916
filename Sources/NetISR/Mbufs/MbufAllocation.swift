import CNetISR

// mbuf.h: allocation. A thread that belongs to no engine gets NULL, and may free nothing but NULL.

/// The longest chain that these functions make, in bytes: M_MAXPACKET.
let longestPacket = 64 << 20

/// The record of the calling thread, which holds an mbuf and so must have an engine.
@inline(__always)
func mbufContext(_ function: StaticString = #function) -> UnsafeMutablePointer<ThreadContext> {
  guard let context = unsafe ThreadContext.current else {
    preconditionFailure("\(function): the calling thread holds an mbuf, but belongs to no engine")
  }
  return unsafe context
}

/// An mbuf without packet header; see mbuf.h. [any thread]
@c @implementation
public func m_get(_ how: Int32, _ type: Int32) -> UnsafeMutablePointer<mbuf>! {
  guard let context = unsafe ThreadContext.current else { return nil }
  return unsafe context.pointee.mbufs.allocate(type: type, flags: 0)
}

/// An mbuf with an all-zero packet header; see mbuf.h. [any thread]
@c @implementation
public func m_gethdr(_ how: Int32, _ type: Int32) -> UnsafeMutablePointer<mbuf>! {
  guard let context = unsafe ThreadContext.current else { return nil }
  return unsafe context.pointee.mbufs.allocatePacket(type: type)
}

/// An mbuf with a cluster; see mbuf.h. [any thread]
@c @implementation
public func m_getcl(_ how: Int32, _ type: Int32, _ flags: Int32) -> UnsafeMutablePointer<mbuf>! {
  guard let context = unsafe ThreadContext.current else { return nil }
  let isPacket = UInt32(bitPattern: flags) & M_PKTHDR != 0
  return unsafe context.pointee.mbufs.allocateWithCluster(type: type, isPacket: isPacket)
}

/// Frees one mbuf and returns the rest of its chain; see mbuf.h. [any thread]
@c @implementation
public func m_free(_ m: UnsafeMutablePointer<mbuf>!) -> UnsafeMutablePointer<mbuf>! {
  guard let m = unsafe m else { return nil }
  return unsafe mbufContext().pointee.mbufs.free(m)
}

/// Frees a chain; see mbuf.h. [any thread]
@c @implementation
public func m_freem(_ m: UnsafeMutablePointer<mbuf>!) {
  guard let m = unsafe m else { return }
  let context = unsafe mbufContext()
  var next = unsafe context.pointee.mbufs.free(m)
  while let m = unsafe next { unsafe next = context.pointee.mbufs.free(m) }
}
