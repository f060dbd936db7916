import CNetISR
import CNetISRHost

// The short way of a packet: a handful of instructions before its handler, or its queue.
//
// How a packet goes depends on the protocol's dispatch policy, the global one, whether the protocol is enabled in the
// packet's vnet, whether anything of it is still queued from before, and whether handlers are timed. These hardly ever
// change. So what follows from them is kept for each protocol as one word, its record and the way, and whoever changes
// one of them computes that word anew, before the grace period after which the change counts. A packet that finds no
// way decided takes the long one, which looks at each condition (`Engine.enter`).

extension Engine {
  /// Has new packets of a protocol find another record, or none.
  ///
  /// Packets look in two places: some take the shortcut, others look at the entrance. The shortcut goes first, under the lock
  /// that keeps others from computing it anew: a sender whose packet has found the new record here finds no old one
  /// there with its next, which could overtake the first in another queue.
  func setEntrance(_ number: Int, _ record: UnsafeMutablePointer<ProtocolRecord>?) {
    shortcuts.withLock {
      table.clearShortcut(number)
      unsafe protocols.setEntrance(number, record)
    }
    refreshShortcut(number)
  }

  /// Computes a protocol's shortcut anew, after one of its conditions was changed. The record that it may find is not freed
  /// meanwhile: by a change under the control lock, or inside of a grace-period section.
  func refreshShortcut(_ number: Int) {
    // Of two at a time, the later one sees what both have changed.
    shortcuts.withLock {
      guard let record = unsafe protocols.entrance(number) else { return table.clearShortcut(number) }
      // A change may have published a copy of a record that faulted meanwhile.
      guard unsafe record.pointee.generation != faulty[number] else { return withdraw(number) }
      quarantined.bitwiseAnd(~(1 << UInt32(number)), ordering: .relaxed)
      guard !vnets.restricts(number), !accounting.isOn else { return table.clearShortcut(number) }
      let own = unsafe record.pointee.dispatch
      switch own == .default ? dispatchPolicy : own {
      case .direct where settling.mayOvertake(number): table.clearShortcut(number)
      case .direct: unsafe table.setShortcut(number, .direct, record)
      case .hybrid: unsafe table.setShortcut(number, .hybrid, record)
      case .deferred, .default: unsafe table.setShortcut(number, .deferred, record)
      }
    }
  }

  /// Begins a change after which packets of these protocols (a bit each) might overtake others: from here on each of them is
  /// looked at. [control]
  func beginSettling(_ numbers: UInt32) {
    settling.begin(numbers) {
      shortcuts.withLock {
        for number in 1..<Protocols.count where numbers & (1 << UInt32(number)) != 0 { table.clearShortcut(number) }
      }
    }
  }

  /// Computes the shortcuts of all protocols anew.
  func refreshShortcuts() {
    for number in 1..<Protocols.count { refreshShortcut(number) }
  }
}

/// `netisr_dispatch_src`, as netisr.h describes it.
@c @implementation
public func netisr_dispatch_src(_ proto: UInt32, _ source: UInt, _ m: UnsafeMutablePointer<mbuf>!) -> Int32 {
  guard proto < UInt32(NETISR_MAXPROT) else { return unsafe dispatchUnusual(proto, source, m) }
  guard let m = unsafe m, let context = unsafe netisr_host_context() else {
    return unsafe dispatchUnusual(proto, source, m)
  }
  unsafe context.enterSection()
  let shortcut = unsafe context.pointee.table.shortcut(Int(proto))
  guard shortcut.isDirect, unsafe context.pointee.depth <= Engine.maximumDepth else {
    return unsafe dispatchIndirectly(context, Int(proto), source, m, shortcut)
  }
  unsafe context.pointee.traffic.add(1, to: .dispatched, of: Int(proto))
  let returned = unsafe netisr_host_call(shortcut.record, m)
  // Found again rather than kept over the call, for which registers would have to be saved.
  let again = unsafe netisr_host_context().unsafelyUnwrapped
  if returned != 1 { return unsafe again.directFault() }
  unsafe again.leaveSection()
  return 0
}

/// Hybrid and deferred dispatch; and the long way. Inside of a grace-period section, which it leaves.
@inline(never)
private func dispatchIndirectly(
  _ context: UnsafeMutablePointer<ThreadContext>, _ number: Int, _ source: UInt, _ m: UnsafeMutablePointer<mbuf>,
  _ shortcut: DispatchTable.Shortcut
) -> Int32 {
  let error =
    if shortcut.isHybrid, unsafe context.pointee.depth <= Engine.maximumDepth {
      unsafe context.dispatchHybrid(shortcut.record, number, source, m, isTimed: false)
    } else if shortcut.isDecided {
      unsafe context.dispatchDeferred(shortcut.record, number, source, m, isTimed: false)
    } else {
      unsafe context.withEngine { engine in unsafe engine.enter(context, number, source, m) }
    }
  unsafe context.leaveSection()
  return error
}

/// No packet, no protocol, or a thread that was never attached.
@inline(never)
private func dispatchUnusual(_ proto: UInt32, _ source: UInt, _ m: UnsafeMutablePointer<mbuf>?) -> Int32 {
  // A packet exists, so its thread has an engine: mbufs come from one.
  guard let m = unsafe m, let context = unsafe ThreadContext.current else { return EINVAL }
  guard proto < UInt32(NETISR_MAXPROT) else {
    return unsafe context.withEngine { engine in unsafe engine.reject(context, m) }
  }
  unsafe context.enterSection()
  return unsafe dispatchIndirectly(context, Int(proto), source, m, context.pointee.table.shortcut(Int(proto)))
}
