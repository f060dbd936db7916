import CNetISR
import CNetISRHost
import Glibc

// Hybrid and deferred dispatch of a packet, once it is known that it goes that way. On the thread's record rather than
// the engine: they need nothing of the engine, unless the packet is dropped, or accounted for. Where a shortcut led
// here it is not: see `Accounting`.

extension UnsafeMutablePointer where Pointee == ThreadContext {
  /// Hybrid dispatch: the handler is called in the worker's place, if the packet belongs to the sender's own CPU and
  /// nobody else runs that workstream. Consumes `m`. 0 or an errno value.
  @inline(__always)
  func dispatchHybrid(
    _ record: UnsafeMutablePointer<ProtocolRecord>, _ number: Int, _ source: UInt, _ m: UnsafeMutablePointer<mbuf>,
    isTimed: Bool
  ) -> Int32 {
    let own = unsafe Int(pointee.cpu)
    guard let (m, wsid) = unsafe record.place(m, source: source, isHybrid: true, cpu: pointee.cpu) else {
      unsafe pointee.traffic.add(1, to: .received, of: number)
      return unsafe countKept(record, number)
    }
    let stream = unsafe record.pointee.streams + wsid
    guard wsid == own, let turn = unsafe stream.pointee.tryEnter(self) else {
      return unsafe receiveQueued(record, m, number, on: wsid, isTimed)
    }
    let queue = unsafe record.pointee.queues + wsid
    // Queued, and the worker, awake, has not seen it yet.
    guard unsafe queue.pointee.isEmpty else {
      unsafe stream.pointee.leave(turn, self)
      return unsafe receiveQueued(record, m, number, on: wsid, isTimed)
    }
    // From here to the end this thread is the workstream's only executor.
    let returned = unsafe isTimed ? timedCall(record, m) : netisr_host_call(record, m)
    unsafe queue.pointee.countHybrid(Int(returned))
    unsafe pointee.traffic.add(Int(returned), to: .hybrid, of: number)
    unsafe stream.pointee.leave(turn, self)
    if returned == 1 { return 0 }
    return unsafe withEngine { engine in unsafe engine.hybridFault(self, number, record) }
  }

  /// Deferred dispatch. Consumes `m`. 0 or an errno value.
  @inline(__always)
  func dispatchDeferred(
    _ record: UnsafeMutablePointer<ProtocolRecord>, _ number: Int, _ source: UInt, _ m: UnsafeMutablePointer<mbuf>,
    isTimed: Bool
  ) -> Int32 {
    guard let (m, wsid) = unsafe record.place(m, source: source, isHybrid: false, cpu: pointee.cpu) else {
      unsafe pointee.traffic.add(1, to: .received, of: number)
      return unsafe countKept(record, number)
    }
    unsafe pointee.traffic.add(1, to: .received, of: number)
    return unsafe enqueue(record, m, number, on: wsid, isTimed: isTimed)
  }

  /// Queues a packet, or drops it when the queue is full.
  @inline(__always)
  func enqueue(
    _ record: UnsafeMutablePointer<ProtocolRecord>, _ m: UnsafeMutablePointer<mbuf>, _ number: Int, on wsid: Int,
    isTimed: Bool
  ) -> Int32 {
    if isTimed { unsafe withEngine { engine in unsafe engine.accounting.stamp(m, number) } }
    guard unsafe record.pointee.queues[wsid].append(m, by: self) else {
      return unsafe overflow(record, m, number, wsid)
    }
    unsafe record.pointee.streams[wsid].signal()
    return 0
  }

  /// Where hybrid dispatch must queue.
  @inline(never)
  private func receiveQueued(
    _ record: UnsafeMutablePointer<ProtocolRecord>, _ m: UnsafeMutablePointer<mbuf>, _ number: Int, on wsid: Int,
    _ isTimed: Bool
  ) -> Int32 {
    unsafe pointee.traffic.add(1, to: .received, of: number)
    return unsafe enqueue(record, m, number, on: wsid, isTimed: isTimed)
  }

  @inline(never)
  private func overflow(
    _ record: UnsafeMutablePointer<ProtocolRecord>, _ m: UnsafeMutablePointer<mbuf>, _ number: Int, _ wsid: Int
  ) -> Int32 {
    unsafe record.pointee.queues[wsid].countDrops(1)
    return unsafe withEngine { engine in unsafe engine.drop(self, m, number, .qlimit, ENOBUFS) }
  }

  @inline(never)
  private func countKept(_ record: UnsafeMutablePointer<ProtocolRecord>, _ number: Int) -> Int32 {
    unsafe withEngine { engine in unsafe engine.countKept(self, record, number) }
  }
}
