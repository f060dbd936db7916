import CNetISR
import Glibc

// Batches: packets of one protocol and source, in order. One section, one look at the registration, and for each
// workstream one claim of its queue and one look at its worker, however many packets go there.

extension Engine {
  /// Packets that are placed before the first of them is queued.
  private static let chunk = 64

  /// `netisr_dispatch_batch` and `netisr_queue_batch`. Consumes all; NULL entries are passed over. Returns how many were
  /// handled or queued.
  func enter(
    _ entry: Entry, _ context: UnsafeMutablePointer<ThreadContext>, proto: UInt32, source: UInt,
    batch: UnsafeBufferPointer<UnsafeMutablePointer<mbuf>?>
  ) -> UInt32 {
    guard proto > 0, proto < UInt32(NETISR_MAXPROT) else {
      for index in batch.indices { if let m = unsafe batch[index] { unsafe _ = reject(context, m) } }
      return 0
    }
    let number = Int(proto)
    unsafe gracePeriod.enter(context)
    defer { unsafe gracePeriod.leave(context) }
    let record = unsafe protocols.entrance(number)
    var taken = 0
    var rest = unsafe batch
    // Packets that may go on lie at the front of `admitted`.
    unsafe withUnsafeTemporaryAllocation(of: UnsafeMutablePointer<mbuf>?.self, capacity: Self.chunk) { admitted in
      let list = admitted.baseAddress!
      while !rest.isEmpty {
        let part = unsafe UnsafeBufferPointer(rebasing: rest.prefix(Self.chunk))
        unsafe rest = UnsafeBufferPointer(rebasing: rest.dropFirst(Self.chunk))
        var count = 0
        for index in part.indices {
          guard let m = unsafe part[index] else { continue }
          unsafe context.pointee.traffic.pointee.add(1, to: .received, of: number)
          if unsafe record == nil {
            unsafe _ = drop(context, m, number, .noproto, EPROTONOSUPPORT)
          } else if unsafe vnets.admit(m, to: number) {
            unsafe list[count] = m
            count += 1
          } else {
            unsafe _ = drop(context, m, number, .vnet, ENOPROTOOPT)
          }
        }
        guard let record = unsafe record, count > 0 else { continue }
        unsafe taken += deliver(entry, context, record, number, source, list, count)
      }
    }
    return UInt32(taken)
  }

  /// Packets of a chunk, inside of a grace-period section: how many were handled or queued.
  private func deliver(
    _ entry: Entry, _ context: UnsafeMutablePointer<ThreadContext>, _ record: UnsafeMutablePointer<ProtocolRecord>,
    _ number: Int, _ source: UInt, _ list: UnsafeMutablePointer<UnsafeMutablePointer<mbuf>?>, _ count: Int
  ) -> Int {
    let dispatch = unsafe entry == .queue ? .deferred : effectiveDispatch(record, context)
    if dispatch == .direct {
      if settling.mayOvertake(number) {
        // Rare: one by one, as single packets do.
        var taken = 0
        for index in 0..<count {
          if unsafe settle(context, record, number, source, list[index]!) == 0 { taken += 1 }
        }
        return taken
      }
      unsafe context.pointee.traffic.pointee.add(count, to: .dispatched, of: number)
      unsafe handle(list, count, by: record)
      return count
    }
    let isHybrid = dispatch == .hybrid
    if unsafe record.pointee.count == 1 {
      return unsafe pass(list, count, to: 0, context, record, number, isHybrid)
    }
    return unsafe withUnsafeTemporaryAllocation(of: Int32.self, capacity: count) { places in
      unsafe scatter(list, count, places, context, record, number, source, isHybrid)
    }
  }

  /// Places each packet, and passes on those of one workstream after the other.
  private func scatter(
    _ list: UnsafeMutablePointer<UnsafeMutablePointer<mbuf>?>, _ count: Int,
    _ places: UnsafeMutableBufferPointer<Int32>,
    _ context: UnsafeMutablePointer<ThreadContext>, _ record: UnsafeMutablePointer<ProtocolRecord>, _ number: Int,
    _ source: UInt, _ isHybrid: Bool
  ) -> Int {
    let cpu = unsafe context.pointee.cpu
    var placed = 0
    for index in 0..<count {
      guard let (m, wsid) = unsafe record.place(list[index]!, source: source, isHybrid: isHybrid, cpu: cpu)
      else {
        unsafe _ = countKept(context, number)
        continue
      }
      unsafe list[placed] = m
      unsafe places[placed] = Int32(truncatingIfNeeded: wsid)
      placed += 1
    }
    var taken = 0
    unsafe withUnsafeTemporaryAllocation(of: UnsafeMutablePointer<mbuf>?.self, capacity: max(1, placed)) { run in
      let run = run.baseAddress!
      for first in 0..<placed where unsafe places[first] >= 0 {
        let wsid = unsafe places[first]
        var length = 0
        for index in first..<placed where unsafe places[index] == wsid {
          unsafe run[length] = list[index]
          unsafe places[index] = -1
          length += 1
        }
        unsafe taken += pass(run, length, to: Int(wsid), context, record, number, isHybrid)
      }
    }
    return taken
  }

  /// Handles packets of one workstream in its worker's place, where that is possible, or queues them.
  private func pass(
    _ list: UnsafeMutablePointer<UnsafeMutablePointer<mbuf>?>, _ count: Int, to wsid: Int,
    _ context: UnsafeMutablePointer<ThreadContext>, _ record: UnsafeMutablePointer<ProtocolRecord>, _ number: Int,
    _ isHybrid: Bool
  ) -> Int {
    let stream = unsafe record.pointee.streams + wsid
    let queue = unsafe record.pointee.queues + wsid
    if isHybrid, unsafe wsid == context.pointee.cpu, let turn = unsafe stream.pointee.tryEnter(context) {
      defer { unsafe stream.pointee.leave(turn, context) }
      if unsafe queue.pointee.isEmpty {
        unsafe handle(list, count, by: record)
        unsafe queue.pointee.countHybrid(count)
        unsafe context.pointee.traffic.pointee.add(count, to: .handled, of: number)
        return count
      }
    }
    let taken = unsafe queue.pointee.append(list, count: count, by: context)
    unsafe stream.pointee.signal()
    if taken < count {
      unsafe queue.pointee.countDrops(count - taken)
      for index in taken..<count { unsafe _ = drop(context, list[index]!, number, .qlimit, ENOBUFS) }
    }
    return taken
  }

  @inline(__always)
  private func handle(
    _ list: UnsafeMutablePointer<UnsafeMutablePointer<mbuf>?>, _ count: Int,
    by record: UnsafeMutablePointer<ProtocolRecord>
  ) {
    let handler = unsafe record.pointee.handler
    for index in 0..<count { unsafe handler(list[index]) }
  }
}
