import CNetISR
import CNetISRHost
import Glibc
import Synchronization

// callout.h, on the calling thread's engine.

/// The atomic words of a `struct callout`, at the offsets that abi.c pins.
@safe
private struct CalloutWords {
  let base: UnsafeMutableRawPointer

  init(_ c: UnsafePointer<callout>) { unsafe base = UnsafeMutableRawPointer(mutating: c) }

  static let active: UInt32 = 1

  func exchange(_ id: UInt64) -> UInt64 {
    // Acquire and release: who takes an identifier over has seen what was done under it.
    unsafe base.assumingMemoryBound(to: Atomic<UInt64>.self).pointee.exchange(id, ordering: .acquiringAndReleasing)
  }

  var id: UInt64 { unsafe base.assumingMemoryBound(to: Atomic<UInt64>.self).pointee.load(ordering: .acquiring) }

  var isActive: Bool {
    get {
      unsafe (base + 12).assumingMemoryBound(to: Atomic<UInt32>.self).pointee.load(ordering: .relaxed) == Self.active
    }
    nonmutating set {
      unsafe (base + 12).assumingMemoryBound(to: Atomic<UInt32>.self).pointee.store(
        newValue ? Self.active : 0, ordering: .relaxed)
    }
  }
}

/// `callout_init`, as callout.h describes it.
@c @implementation
public func callout_init(_ c: UnsafeMutablePointer<callout>!, _ clock: UInt32) {
  unsafe c?.pointee = callout(c_id: 0, c_clock: clock, c_flags: 0)
}

/// `callout_reset`, as callout.h describes it.
@c @implementation
public func callout_reset(
  _ c: UnsafeMutablePointer<callout>!, _ ns: UInt64, _ fn: CalloutFunction!, _ arg: UnsafeMutableRawPointer!
) -> Int32 {
  guard let context = unsafe ThreadContext.current else { return -1 }
  return unsafe reset(c, ns, fn, arg, context, cpu: context.pointee.cpu)
}

/// `callout_reset_on`, as callout.h describes it.
@c @implementation
public func callout_reset_on(
  _ c: UnsafeMutablePointer<callout>!, _ ns: UInt64, _ fn: CalloutFunction!, _ arg: UnsafeMutableRawPointer!,
  _ cpu: UInt32
) -> Int32 {
  guard let context = unsafe ThreadContext.current else { return -1 }
  return unsafe reset(c, ns, fn, arg, context, cpu: netisr_get_cpuid(cpu))
}

private func reset(
  _ c: UnsafeMutablePointer<callout>?, _ ns: UInt64, _ fn: CalloutFunction?, _ arg: UnsafeMutableRawPointer?,
  _ context: UnsafeMutablePointer<ThreadContext>, cpu: UInt32
) -> Int32 {
  guard let c = unsafe c, let fn = unsafe fn else { return -1 }
  return unsafe context.withEngine { engine in
    let callouts = engine.callouts
    let clock = unsafe c.pointee.c_clock
    // In this order: whatever two threads do at once, the callout's last identifier is the only one that stays armed.
    guard let id = unsafe callouts.reserve(fn, arg, clock: clock, cpu: cpu, mark: netisr_host_mark()) else { return -1 }
    let words = unsafe CalloutWords(c)
    let before = words.exchange(id)
    words.isActive = true
    let wasPending = unsafe callouts.queue(of: before)?.pointee.cancel(before) ?? false
    if let identity = unsafe context.pointee.registering {
      callouts.hold(id, after: ns, clock: clock, for: identity)
    } else if let queue = callouts.arm(id, after: ns, clock: clock) {
      engine.wakeWorker(ofCallouts: queue)
    }
    return wasPending ? 1 : 0
  }
}

/// `callout_stop`, as callout.h describes it.
@c @implementation
public func callout_stop(_ c: UnsafeMutablePointer<callout>!) -> Int32 {
  guard let c = unsafe c, let context = unsafe ThreadContext.current else { return -1 }
  return unsafe context.withEngine { engine in
    let words = unsafe CalloutWords(c)
    let id = words.exchange(0)
    words.isActive = false
    guard let queue = unsafe engine.callouts.queue(of: id) else { return -1 }
    if unsafe queue.pointee.cancel(id) { return 1 }
    return unsafe queue.pointee.isRunning(id) ? 0 : -1
  }
}

/// `callout_drain`, as callout.h describes it.
@c @implementation
public func callout_drain(_ c: UnsafeMutablePointer<callout>!) -> Int32 {
  guard let c = unsafe c, let context = unsafe ThreadContext.current else { return -1 }
  guard unsafe context.pointee.depth == 0 else { return EDEADLK }
  let id = unsafe CalloutWords(c).id
  let result = unsafe callout_stop(c)
  guard result == 0 else { return result }
  return unsafe context.withEngine { engine in
    var backoff = Backoff()
    while unsafe engine.callouts.queue(of: id)?.pointee.isRunning(id) == true { backoff.pause() }
    return 0
  }
}

/// `callout_pending`, as callout.h describes it.
@c @implementation
public func callout_pending(_ c: UnsafePointer<callout>!) -> Int32 {
  guard let c = unsafe c, let context = unsafe ThreadContext.current else { return 0 }
  return unsafe context.withEngine { engine in
    let id = unsafe CalloutWords(c).id
    return unsafe engine.callouts.queue(of: id)?.pointee.isPending(id) == true ? 1 : 0
  }
}

/// `callout_active`, as callout.h describes it.
@c @implementation
public func callout_active(_ c: UnsafePointer<callout>!) -> Int32 {
  guard let c = unsafe c else { return 0 }
  return unsafe CalloutWords(c).isActive ? 1 : 0
}

/// `callout_deactivate`, as callout.h describes it.
@c @implementation
public func callout_deactivate(_ c: UnsafeMutablePointer<callout>!) {
  guard let c = unsafe c else { return }
  unsafe CalloutWords(c).isActive = false
}

/// `callout_time`, as callout.h describes it.
@c @implementation
public func callout_time(_ clock: UInt32) -> UInt64 {
  guard Int(clock) < Clocks.count, let context = unsafe ThreadContext.current else { return 0 }
  return unsafe context.withEngine { $0.callouts.clocks.shown(Int(clock)) }
}

/// `ifnet_watch`, as ifnet.h describes it.
@c @implementation
public func ifnet_watch(_ fn: CalloutFunction!, _ arg: UnsafeMutableRawPointer!) -> Int32 {
  guard let fn = unsafe fn, let context = unsafe ThreadContext.current,
    let identity = unsafe context.pointee.registering
  else { return EINVAL }
  unsafe context.pointee.engine.callouts.watch(fn, arg, for: identity, mark: netisr_host_mark())
  return 0
}
