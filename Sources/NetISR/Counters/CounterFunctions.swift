import CNetISR
import Glibc
import Synchronization

/// Finds or makes a counter; see counter.h. [control] ENXIO: the calling thread belongs to no engine.
@c @implementation
public func counter_define(_ name: UnsafePointer<CChar>!, _ counterp: UnsafeMutablePointer<counter_t>!) -> Int32 {
  guard let counterp = unsafe counterp else { return EINVAL }
  unsafe counterp.pointee = counter_t(COUNTER_NONE)
  guard let name = unsafe name, let name = unsafe boundedString(name) else { return EINVAL }
  guard let context = unsafe ThreadContext.current else { return ENXIO }
  do throws(CounterError) {
    let owner = unsafe context.pointee.registering?.name
    unsafe counterp.pointee = try context.pointee.engine.counters.define(name, owner: owner)
    return 0
  } catch {
    switch error {
    case .badName: return EINVAL
    case .tooMany: return ENOSPC
    }
  }
}

/// Adds to the calling thread's copy; see counter.h. [any thread]
@c @implementation
public func counter_add(_ counter: counter_t, _ n: UInt64) {
  // Every handler calls this several times per packet: what is rare is out of its way, so that it saves no registers.
  guard let context = unsafe netisr_host_context() else { return addAttaching(counter, n) }
  unsafe add(n, to: counter, of: context)
}

@inline(never)
private func addAttaching(_ counter: counter_t, _ n: UInt64) {
  if let context = unsafe ThreadContext.current { unsafe add(n, to: counter, of: context) }
}

@inline(__always)
private func add(_ n: UInt64, to counter: counter_t, of context: UnsafeMutablePointer<ThreadContext>) {
  guard counter < UInt32(CounterRegistry.capacity) else { return }
  // In bounds: `capacity` words. The only writer is this thread, so that load and store need not be one.
  // Relaxed: read by `CounterRegistry.value`, as a number that stands for nothing else.
  let word = unsafe context.pointee.counters + Int(counter)
  unsafe word.pointee.store(word.pointee.load(ordering: .relaxed) &+ n, ordering: .relaxed)
}

/// The sum over all threads; see counter.h. [any thread]
@c @implementation
public func counter_fetch(_ counter: counter_t) -> UInt64 {
  guard let context = unsafe ThreadContext.current else { return 0 }
  let engine = unsafe context.pointee.engine
  return engine.counters.value(of: counter, threads: engine.threads)
}
