import CNetISR
import CNetISRHost

// Guarded calls of handlers, each with a look at the clock.

extension UnsafeMutablePointer where Pointee == ThreadContext {
  /// `netisr_host_call_batch`, accounted for: how many calls returned.
  ///
  /// - Parameter areQueued: the packets come from a queue, which says when they were put there.
  @inline(never)
  func timedCalls(
    _ record: UnsafeMutablePointer<ProtocolRecord>, _ list: UnsafeMutablePointer<UnsafeMutablePointer<mbuf>?>,
    _ count: Int, areQueued: Bool = false
  ) -> Int {
    let number = unsafe record.pointee.number
    let (session, cost) = unsafe withEngine { engine in
      (engine.accounting.session(of: number), engine.accounting.cost)
    }
    let account = unsafe pointee.accounts.account(number, session: session)
    unsafe pointee.inHand.push(list, count, of: number, areCalled: true)
    defer { unsafe pointee.inHand.pop() }
    var returned = 0
    var begin = netisr_host_clock()
    while returned < count {
      // Now: the handler frees it. A list that handlers are called for has no gaps.
      let delay = unsafe areQueued ? list[returned]!.takeStamp(session: session, now: begin) : nil
      let nested = unsafe pointee.nestedTime
      guard unsafe netisr_host_call_batch(record, list + returned, 1) == 1 else { break }
      let end = netisr_host_clock()
      let interval = end &- begin
      let whole = interval &- min(interval, cost)
      // What it called at once has accounted for its own part.
      let inner = unsafe pointee.nestedTime &- nested
      unsafe account.pointee.countRun(whole: whole, own: whole &- min(whole, inner))
      if let delay { unsafe account.pointee.countDelay(delay) }
      // For the handler around this one: the whole interval, the clock's part too.
      unsafe pointee.nestedTime = nested &+ interval
      begin = end
      returned &+= 1
    }
    unsafe account.pointee.countBatch(of: returned)
    return returned
  }

  /// `netisr_host_call_function`, accounted for to a protocol, of a callout or `nh_drainedcpu`.
  @inline(never)
  func timedCallback(
    _ subject: UnsafeMutableRawPointer, _ function: netisr_host_function, _ argument: UInt, of number: Int
  ) -> netisr_host_result {
    let (session, cost) = unsafe withEngine { engine in
      (engine.accounting.session(of: number), engine.accounting.cost)
    }
    let nested = unsafe pointee.nestedTime
    let begin = netisr_host_clock()
    let result = unsafe netisr_host_call_function(subject, function, argument, 0, 0)
    let interval = netisr_host_clock() &- begin
    let whole = interval &- min(interval, cost)
    // What it called at once has accounted for its own part.
    let inner = unsafe pointee.nestedTime &- nested
    let own = whole &- min(whole, inner)
    if result.returned == 1 {
      unsafe pointee.accounts.account(number, session: session).pointee.countCallback(own: own)
    }
    unsafe pointee.nestedTime = nested &+ interval
    return result
  }

  /// `netisr_host_call`, accounted for: 1, or 0 after a fault.
  @inline(never)
  func timedCall(_ record: UnsafeMutablePointer<ProtocolRecord>, _ m: UnsafeMutablePointer<mbuf>) -> Int {
    var one: UnsafeMutablePointer<mbuf>? = unsafe m
    return unsafe timedCalls(record, &one, 1)
  }
}
