import CNetISR
import CNetISRHost
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
    unsafe context.enterSection()
    defer { unsafe context.leaveSection() }
    // Once for the batch: a record that is found here stays until the section ends.
    let shortcut = unsafe context.pointee.table.shortcut(number)
    var taken = 0
    var rest = unsafe batch
    while !rest.isEmpty {
      let part = unsafe UnsafeBufferPointer(rebasing: rest.prefix(Self.chunk))
      unsafe rest = UnsafeBufferPointer(rebasing: rest.dropFirst(Self.chunk))
      let isLast = rest.isEmpty
      if !isLast { unsafe context.pointee.inHand.push(Self.own(rest), rest.count, of: number) }
      if shortcut.isDecided, unsafe Self.isFull(part) {
        // As it lies: nothing of it need be looked at.
        unsafe taken += deliver(
          way(shortcut, entry, context), context, shortcut.record, number, source, Self.own(part), part.count,
          isTimed: false)
      } else {
        unsafe taken += admit(part, entry, context, number, source)
      }
      if !isLast { unsafe context.pointee.inHand.pop() }
    }
    return UInt32(taken)
  }

  /// Whether there are no gaps.
  @inline(__always)
  private static func isFull(_ part: UnsafeBufferPointer<UnsafeMutablePointer<mbuf>?>) -> Bool {
    // Without a branch for each: several at once.
    var gaps = 0
    for index in part.indices { unsafe gaps |= part[index] == nil ? 1 : 0 }
    return gaps == 0
  }

  /// A list of at least one, to be changed: netisr.h has the caller give it away, as `struct mbuf **`.
  @inline(__always)
  private static func own(
    _ part: UnsafeBufferPointer<UnsafeMutablePointer<mbuf>?>
  ) -> UnsafeMutablePointer<UnsafeMutablePointer<mbuf>?> {
    unsafe UnsafeMutablePointer(mutating: part.baseAddress!)
  }

  @inline(__always)
  private func way(
    _ shortcut: DispatchTable.Shortcut, _ entry: Entry, _ context: UnsafeMutablePointer<ThreadContext>
  ) -> Dispatch {
    guard entry == .dispatch, unsafe context.pointee.depth <= Self.maximumDepth else { return .deferred }
    return shortcut.isDirect ? .direct : shortcut.isHybrid ? .hybrid : .deferred
  }

  /// The long way: packets of a chunk are looked at one by one, and those that may go on delivered: how many were
  /// handled or queued.
  private func admit(
    _ part: UnsafeBufferPointer<UnsafeMutablePointer<mbuf>?>, _ entry: Entry,
    _ context: UnsafeMutablePointer<ThreadContext>, _ number: Int, _ source: UInt
  ) -> Int {
    let record = unsafe protocols.entrance(number)
    // Packets that may go on lie at the front of `admitted`.
    return unsafe withUnsafeTemporaryAllocation(of: UnsafeMutablePointer<mbuf>?.self, capacity: Self.chunk) {
      admitted in
      let list = admitted.baseAddress!
      var count = 0
      for index in part.indices {
        guard let m = unsafe part[index] else { continue }
        if unsafe record == nil {
          unsafe _ = refuse(context, m, number)
        } else if unsafe vnets.admit(m, to: number) {
          unsafe list[count] = m
          count += 1
        } else {
          unsafe _ = refuse(context, m, number, .vnet, ENOPROTOOPT)
        }
      }
      guard let record = unsafe record, count > 0 else { return 0 }
      let way = unsafe entry == .queue ? .deferred : effectiveDispatch(record, context)
      if way == .direct, settling.mayOvertake(number) {
        // Rare: one by one, as single packets do.
        unsafe context.pointee.inHand.push(list, count, of: number)
        defer { unsafe context.pointee.inHand.pop() }
        return (0..<count).count { unsafe settle(context, record, number, source, Self.take(list, $0)) == 0 }
      }
      return unsafe deliver(way, context, record, number, source, list, count, isTimed: accounting.isOn)
    }
  }

  /// Packets of a chunk, inside of a grace-period section: how many were handled or queued.
  @inline(__always)
  private func deliver(
    _ way: Dispatch, _ context: UnsafeMutablePointer<ThreadContext>, _ record: UnsafeMutablePointer<ProtocolRecord>,
    _ number: Int, _ source: UInt, _ list: UnsafeMutablePointer<UnsafeMutablePointer<mbuf>?>, _ count: Int,
    isTimed: Bool
  ) -> Int {
    if way == .direct {
      unsafe context.pointee.traffic.add(count, to: .dispatched, of: number)
      let returned =
        unsafe isTimed ? context.timedCalls(record, list, count) : Int(netisr_host_call_batch(record, list, count))
      return unsafe returned == count ? count : directFault(context, number, record, list, returned, count)
    }
    let isHybrid = way == .hybrid
    if let wsid = unsafe record.commonPlace(list, count, source) {
      return unsafe pass(list, count, to: wsid, context, record, number, isHybrid, isTimed)
    }
    return unsafe withUnsafeTemporaryAllocation(of: UnsafeMutablePointer<mbuf>?.self, capacity: 2 * Self.chunk) { own in
      let own = own.baseAddress!
      unsafe own.update(from: list, count: count)
      return unsafe scatter(own, count, context, record, number, source, isHybrid, isTimed)
    }
  }

  /// Takes a packet out of a list.
  @inline(__always)
  private static func take(
    _ list: UnsafeMutablePointer<UnsafeMutablePointer<mbuf>?>, _ index: Int
  ) -> UnsafeMutablePointer<mbuf> {
    // By callers that see to it that there is one.
    let m = unsafe list[index]!
    unsafe list[index] = nil
    return unsafe m
  }

  /// Places each packet, and passes on those of one workstream after the other; those that may be handled at once last,
  /// for that may take the thread with it.
  ///
  /// - Parameter list: twice as long as a chunk; the packets are at its front. Those that are passed on, or that a callback
  ///   has, are taken out.
  private func scatter(
    _ list: UnsafeMutablePointer<UnsafeMutablePointer<mbuf>?>, _ count: Int,
    _ context: UnsafeMutablePointer<ThreadContext>, _ record: UnsafeMutablePointer<ProtocolRecord>, _ number: Int,
    _ source: UInt, _ isHybrid: Bool, _ isTimed: Bool
  ) -> Int {
    let cpu = unsafe context.pointee.cpu
    let own = isHybrid ? Int32(truncatingIfNeeded: cpu) : -1
    let run = unsafe list + Self.chunk
    return unsafe withUnsafeTemporaryAllocation(of: Int32.self, capacity: Self.chunk) { places in
      let places = places.baseAddress!
      unsafe context.pointee.inHand.push(list, count, of: number)
      defer { unsafe context.pointee.inHand.pop() }
      for index in 0..<count {
        let m = unsafe Self.take(list, index)
        guard let (m, wsid) = unsafe record.place(m, source: source, isHybrid: isHybrid, cpu: cpu) else {
          unsafe context.pointee.traffic.add(1, to: .received, of: number)
          unsafe _ = countKept(context, record, number)
          continue
        }
        unsafe list[index] = m
        unsafe places[index] = Int32(truncatingIfNeeded: wsid)
      }
      var taken = 0
      var isOwnTurn = false
      while true {
        for first in 0..<count where unsafe list[first] != nil && (places[first] == own) == isOwnTurn {
          let wsid = unsafe places[first]
          let length = unsafe Self.gather(list, places, first..<count, of: wsid, into: run)
          unsafe taken += pass(run, length, to: Int(wsid), context, record, number, isHybrid, isTimed)
        }
        if isOwnTurn || !isHybrid { return taken }
        isOwnTurn = true
      }
    }
  }

  /// Takes the packets of one workstream out of a list: how many.
  @inline(__always)
  private static func gather(
    _ list: UnsafeMutablePointer<UnsafeMutablePointer<mbuf>?>, _ places: UnsafeMutablePointer<Int32>,
    _ range: Range<Int>, of wsid: Int32, into run: UnsafeMutablePointer<UnsafeMutablePointer<mbuf>?>
  ) -> Int {
    var length = 0
    for index in range where unsafe list[index] != nil && places[index] == wsid {
      unsafe run[length] = take(list, index)
      length += 1
    }
    return length
  }

  /// Handles packets of one workstream in its worker's place, where that is possible, or queues them.
  private func pass(
    _ list: UnsafeMutablePointer<UnsafeMutablePointer<mbuf>?>, _ count: Int, to wsid: Int,
    _ context: UnsafeMutablePointer<ThreadContext>, _ record: UnsafeMutablePointer<ProtocolRecord>, _ number: Int,
    _ isHybrid: Bool, _ isTimed: Bool
  ) -> Int {
    let stream = unsafe record.pointee.streams + wsid
    let queue = unsafe record.pointee.queues + wsid
    if isHybrid, unsafe wsid == context.pointee.cpu, let turn = unsafe stream.pointee.tryEnter(context) {
      defer { unsafe stream.pointee.leave(turn, context) }
      if unsafe queue.pointee.isEmpty {
        let returned =
          unsafe isTimed ? context.timedCalls(record, list, count) : Int(netisr_host_call_batch(record, list, count))
        unsafe queue.pointee.countHybrid(returned)
        unsafe context.pointee.traffic.add(returned, to: .hybrid, of: number)
        return unsafe returned == count ? count : hybridFault(context, number, record, list, returned, count)
      }
    }
    unsafe context.pointee.traffic.add(count, to: .received, of: number)
    if isTimed { unsafe accounting.stamp(list, count, number) }
    let taken = unsafe queue.pointee.append(list, count: count, by: context)
    unsafe stream.pointee.signal()
    if taken < count {
      unsafe queue.pointee.countDrops(count - taken)
      for index in taken..<count { unsafe _ = drop(context, list[index]!, number, .qlimit, ENOBUFS) }
    }
    return taken
  }
}
