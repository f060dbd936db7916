import CNetISR
import Glibc

// netisr.h's functions, on the calling thread's engine. Each adopts its pointers and goes to the engine at once.

/// `netisr_register`, as netisr.h describes it.
@c @implementation
public func netisr_register(_ nhp: UnsafePointer<netisr_handler>!) -> Int32 {
  unsafe withEngine(nhp) { (engine, handler) throws(EngineError) in unsafe try engine.register(handler) }
}

/// `netisr_unregister`, as netisr.h describes it.
@c @implementation
public func netisr_unregister(_ nhp: UnsafePointer<netisr_handler>!) -> Int32 {
  unsafe withEngine(nhp) { (engine, handler) throws(EngineError) in unsafe try engine.unregister(handler.nh_proto) }
}

/// `netisr_dispatch`, as netisr.h describes it.
@c @implementation
public func netisr_dispatch(_ proto: UInt32, _ m: UnsafeMutablePointer<mbuf>!) -> Int32 {
  unsafe netisr_dispatch_src(proto, 0, m)
}

/// `netisr_queue`, as netisr.h describes it.
@c @implementation
public func netisr_queue(_ proto: UInt32, _ m: UnsafeMutablePointer<mbuf>!) -> Int32 {
  unsafe netisr_queue_src(proto, 0, m)
}

/// `netisr_queue_src`, as netisr.h describes it.
@c @implementation
public func netisr_queue_src(_ proto: UInt32, _ source: UInt, _ m: UnsafeMutablePointer<mbuf>!) -> Int32 {
  guard let m = unsafe m, let context = unsafe ThreadContext.current else { return EINVAL }
  return unsafe context.withEngine { engine in
    unsafe engine.queue(context, proto, source, m)
  }
}

/// `netisr_dispatch_batch`, as netisr.h describes it.
@c @implementation
public func netisr_dispatch_batch(
  _ proto: UInt32, _ source: UInt, _ mv: UnsafeMutablePointer<UnsafeMutablePointer<mbuf>?>!, _ n: UInt32
) -> UInt32 {
  guard let mv = unsafe mv, let context = unsafe ThreadContext.current else { return 0 }
  let batch = unsafe UnsafeBufferPointer(start: UnsafePointer(mv), count: Int(n))
  return unsafe context.withEngine { engine in
    unsafe engine.enter(.dispatch, context, proto: proto, source: source, batch: batch)
  }
}

/// `netisr_queue_batch`, as netisr.h describes it.
@c @implementation
public func netisr_queue_batch(
  _ proto: UInt32, _ source: UInt, _ mv: UnsafeMutablePointer<UnsafeMutablePointer<mbuf>?>!, _ n: UInt32
) -> UInt32 {
  guard let mv = unsafe mv, let context = unsafe ThreadContext.current else { return 0 }
  let batch = unsafe UnsafeBufferPointer(start: UnsafePointer(mv), count: Int(n))
  return unsafe context.withEngine { engine in
    unsafe engine.enter(.queue, context, proto: proto, source: source, batch: batch)
  }
}

/// `netisr_getqlimit`, as netisr.h describes it.
@c @implementation
public func netisr_getqlimit(_ nhp: UnsafePointer<netisr_handler>!, _ qlimitp: UnsafeMutablePointer<UInt32>!) -> Int32 {
  unsafe withEngine(nhp) { (engine, handler) throws(EngineError) in
    let limit = unsafe try engine.queueLimit(of: handler.nh_proto)
    unsafe qlimitp?.pointee = UInt32(limit)
  }
}

/// `netisr_setqlimit`, as netisr.h describes it.
@c @implementation
public func netisr_setqlimit(_ nhp: UnsafePointer<netisr_handler>!, _ qlimit: UInt32) -> Int32 {
  unsafe withEngine(nhp) { (engine, handler) throws(EngineError) in
    unsafe try engine.setQueueLimit(of: handler.nh_proto, to: Int(qlimit))
  }
}

/// `netisr_getqdrops`, as netisr.h describes it.
@c @implementation
public func netisr_getqdrops(_ nhp: UnsafePointer<netisr_handler>!, _ qdropsp: UnsafeMutablePointer<UInt64>!) -> Int32 {
  unsafe withEngine(nhp) { (engine, handler) throws(EngineError) in
    let drops = unsafe try engine.queueDrops(of: handler.nh_proto)
    unsafe qdropsp?.pointee = drops
  }
}

/// `netisr_clearqdrops`, as netisr.h describes it.
@c @implementation
public func netisr_clearqdrops(_ nhp: UnsafePointer<netisr_handler>!) -> Int32 {
  unsafe withEngine(nhp) { (engine, handler) throws(EngineError) in
    unsafe try engine.clearQueueDrops(of: handler.nh_proto)
  }
}

/// `netisr_default_flow2cpu`, as netisr.h describes it.
@c @implementation
public func netisr_default_flow2cpu(_ flowid: UInt32) -> UInt32 {
  netisr_get_cpuid(flowid)
}

/// `netisr_get_cpucount`, as netisr.h describes it.
@c @implementation
public func netisr_get_cpucount() -> UInt32 {
  unsafe ThreadContext.current.map { unsafe UInt32($0.pointee.engine.workerCount) } ?? 1
}

/// `netisr_get_cpuid`, as netisr.h describes it.
@c @implementation
public func netisr_get_cpuid(_ cpunumber: UInt32) -> UInt32 {
  cpunumber % netisr_get_cpucount()
}

/// `netisr_register_vnet`, as netisr.h describes it.
@c @implementation
public func netisr_register_vnet(_ nhp: UnsafePointer<netisr_handler>!, _ vnet: UInt32) -> Int32 {
  unsafe withEngine(nhp) { (engine, handler) throws(EngineError) in
    unsafe try engine.registerVnet(handler.nh_proto, Int(vnet))
  }
}

/// `netisr_unregister_vnet`, as netisr.h describes it.
@c @implementation
public func netisr_unregister_vnet(_ nhp: UnsafePointer<netisr_handler>!, _ vnet: UInt32) -> Int32 {
  unsafe withEngine(nhp) { (engine, handler) throws(EngineError) in
    unsafe try engine.unregisterVnet(handler.nh_proto, Int(vnet))
  }
}

/// `netisr_log`, as netisr.h describes it.
@c @implementation
public func netisr_log(_ level: UInt32, _ line: UnsafePointer<CChar>!) {
  guard let line = unsafe line, let context = unsafe ThreadContext.current else { return }
  unsafe context.pointee.engine.onLog?(level, context.pointee.registering?.name, String(cString: line))
}

/// `netisr_serves`, as netisr.h describes it.
@c @implementation
public func netisr_serves(_ proto: UInt32) -> Int32 {
  guard proto < UInt32(NETISR_MAXPROT), let context = unsafe ThreadContext.current else { return 0 }
  return unsafe context.pointee.engine.serves(Int(proto)) ? 1 : 0
}

/// `netisr_time`, as netisr.h describes it.
@c @implementation
public func netisr_time() -> UInt64 {
  guard let context = unsafe ThreadContext.current else { return Clocks.system(CLOCK_REALTIME) }
  return unsafe context.withEngine { $0.callouts.clocks.shown(0) }
}

/// Runs `body` with the calling thread's engine and a copy of the handler: 0 or an errno value. EINVAL for NULL, ENXIO
/// on a thread without an engine.
private func withEngine(
  _ nhp: UnsafePointer<netisr_handler>?, _ body: (Engine, netisr_handler) throws(EngineError) -> Void
) -> Int32 {
  guard let handler = unsafe nhp?.pointee else { return EINVAL }
  guard let engine = unsafe ThreadContext.current?.pointee.engine else { return ENXIO }
  do throws(EngineError) {
    unsafe try body(engine, handler)
    return 0
  } catch {
    return error.code
  }
}
