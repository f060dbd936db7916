import CNetISR
import CNetISRHost
import Synchronization

// What follows a fault in a plugin's code, on the thread that recovered from it.
//
// The guarded call has returned as if the handler had; the packet in flight is lost, for nobody knows whose it is by
// now: the handler may have freed it, or passed it on, before it faulted. It is counted as dropped for a fault, and
// stays counted as in flight among the mbufs. The protocol is quarantined: its record is taken out of the places where
// packets find it, unless another has replaced it meanwhile. What comes later, or waits in its queues, is dropped for
// the same reason. All else goes on.

extension Engine {
  /// Whether somebody serves a number, 1 to `Protocols.count` - 1; a handler that faulted does not. [any thread]
  func serves(_ number: Int) -> Bool { unsafe protocols.entrance(number) != nil }

  /// Whether a protocol's registration was quarantined after a fault. [any thread]
  func isQuarantined(_ number: Int) -> Bool {
    // Acquire: pairs with the release in `quarantine`.
    quarantined.load(ordering: .acquiring) & (1 << UInt32(number)) != 0
  }

  /// A packet was lost in a fault: EFAULT.
  @inline(never)
  func contain(
    _ context: UnsafeMutablePointer<ThreadContext>, _ number: Int, _ record: UnsafeMutablePointer<ProtocolRecord>
  ) -> Int32 {
    unsafe containCallback(context, number, record)
    unsafe context.pointee.traffic.add(1, to: .dropped(.fault), of: number)
    return EFAULT
  }

  /// A callback without a packet faulted.
  @inline(never)
  func containCallback(
    _ context: UnsafeMutablePointer<ThreadContext>, _ number: Int, _ record: UnsafeMutablePointer<ProtocolRecord>
  ) {
    unsafe context.abandonTable()
    unsafe quarantine(number, record)
    let fault = Fault.take()
    defer { events.note("protocol \(number): quarantined: \(fault.summary)") }
    if let onFault = unsafe onFault { onFault(number, fault) }
  }

  /// A direct dispatch faulted, which was counted as dispatched.
  @inline(never)
  func directFault(
    _ context: UnsafeMutablePointer<ThreadContext>, _ number: Int, _ record: UnsafeMutablePointer<ProtocolRecord>
  ) -> Int32 {
    unsafe context.pointee.traffic.add(-1, to: .dispatched, of: number)
    return unsafe hybridFault(context, number, record)
  }

  /// A hybrid dispatch faulted.
  @inline(never)
  func hybridFault(
    _ context: UnsafeMutablePointer<ThreadContext>, _ number: Int, _ record: UnsafeMutablePointer<ProtocolRecord>
  ) -> Int32 {
    unsafe context.pointee.traffic.add(1, to: .received, of: number)
    return unsafe contain(context, number, record)
  }

  /// The same in a batch: how many packets were handled, which are counted already.
  @inline(never)
  func hybridFault(
    _ context: UnsafeMutablePointer<ThreadContext>, _ number: Int, _ record: UnsafeMutablePointer<ProtocolRecord>,
    _ list: UnsafeMutablePointer<UnsafeMutablePointer<mbuf>?>, _ returned: Int, _ count: Int
  ) -> Int {
    unsafe context.pointee.traffic.add(count - returned, to: .received, of: number)
    unsafe queuedFault(context, number, record, list, returned, count)
    return returned
  }

  /// A direct dispatch of a batch faulted, all of which was counted as dispatched: how many packets were handled.
  @inline(never)
  func directFault(
    _ context: UnsafeMutablePointer<ThreadContext>, _ number: Int, _ record: UnsafeMutablePointer<ProtocolRecord>,
    _ list: UnsafeMutablePointer<UnsafeMutablePointer<mbuf>?>, _ returned: Int, _ count: Int
  ) -> Int {
    unsafe context.pointee.traffic.add(returned - count, to: .dispatched, of: number)
    return unsafe hybridFault(context, number, record, list, returned, count)
  }

  /// A batch of packets that were counted as received faulted: the next one is lost, and the rest is dropped.
  @inline(never)
  func queuedFault(
    _ context: UnsafeMutablePointer<ThreadContext>, _ number: Int, _ record: UnsafeMutablePointer<ProtocolRecord>,
    _ list: UnsafeMutablePointer<UnsafeMutablePointer<mbuf>?>, _ returned: Int, _ count: Int
  ) {
    unsafe _ = contain(context, number, record)
    unsafe dropAll(list + returned + 1, count - returned - 1, number, .fault, context)
  }

  /// Takes a record out of service for good, and all others of its registration. Inside of the section in which it
  /// faulted, so that it is not freed meanwhile.
  func quarantine(_ number: Int, _ record: UnsafeMutablePointer<ProtocolRecord>) {
    shortcuts.withLock {
      faulty[number] = unsafe record.pointee.generation
      guard let present = unsafe protocols.entrance(number) ?? protocols.service(number),
        unsafe present.pointee.generation == record.pointee.generation
      else { return }
      withdraw(number)
    }
  }

  /// Takes a protocol out of service. With the lock of shortcuts.
  func withdraw(_ number: Int) {
    // Release: pairs with the acquire in `isQuarantined`; first, so that who finds no record finds why.
    quarantined.bitwiseOr(1 << UInt32(number), ordering: .releasing)
    unsafe protocols.setEntrance(number, nil)
    unsafe protocols.setService(number, nil)
    table.clearShortcut(number)
  }
}

extension UnsafeMutablePointer where Pointee == ThreadContext {
  /// A direct dispatch faulted, which was counted as dispatched: EFAULT. Leaves its section.
  @inline(never)
  func directFault() -> Int32 {
    defer { unsafe leaveSection() }
    // The guarded call's subject is its record, which lives as long as the section.
    let record = unsafe netisr_host_fault_subject()!.assumingMemoryBound(to: ProtocolRecord.self)
    let number = unsafe record.pointee.number
    return unsafe withEngine { engine in unsafe engine.directFault(self, number, record) }
  }
}
