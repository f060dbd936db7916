import CNetISR
import CNetISRHost
import Synchronization

/// The queue of one protocol in one workstream: a ring of packets, from any number of senders to one consumer.
///
/// What: senders claim positions at `head`, and write packets into the slots of those positions; whoever runs the
/// workstream takes over everything up to `head` at once (`detached`), as the original takes over its list, and then
/// handles it in batches (`consumed`). So a queue's length is `head - detached`, and what is in hand
/// `detached - consumed`: no counter is written by both sides. A slot's lowest bit tells in which lap it was
/// written, so that the consumer sees a slot that was claimed and is not written yet, and never has to empty a slot.
///
/// With a single sender no locked instruction is needed: the queue is its own (`owner`), and it moves `head` with plain
/// stores between two plain stores to a word of its own (`claiming`). When another sender comes, it takes the ownership
/// away: membarrier(2) and a wait until that word is 0, after which all senders claim by compare and exchange. A sender
/// that then finds itself alone for long becomes the owner again.
///
/// Why: a linked list is a chain of dependent cache misses for the consumer, and its lock a pair of locked instructions for
/// both; slots are read ahead. Rejected: a ring for each sender, which is as fast, but loses the order in which packets of
/// one source came from two threads, and has to share the limit by credits.
///
/// Cost: a slot holds one pointer; there are at least twice as many as the limit, for one queue that fills while
/// another is in hand.
///
/// | operation | by |
/// |---|---|
/// | append | any thread, inside of a grace-period section |
/// | detach, next, consume, remove | the executor of the workstream |
/// | limit, figures | any thread |
@safe
struct PacketQueue: ~Copyable {
  /// Set in `head` while the queue has an owner.
  private static let exclusive: UInt = 1 << 63
  /// Packets that a sender queues without another coming between, before it becomes the owner again.
  private static let patience: UInt32 = 256

  // Written by senders.
  /// The next position to be claimed, and `exclusive`.
  private let head: Atomic<UInt>
  /// The sender, by its record's address, to whom the queue belongs; 0 for none.
  private let owner = Atomic<UInt>(0)
  private let changing = Atomic<UInt32>(0)
  /// What the owner last saw in `detached`.
  private let seenDetached: Atomic<UInt>
  private let maximum = Atomic<UInt>(0)
  private let lastSender = Atomic<UInt>(0)
  private let streak = Atomic<UInt32>(PacketQueue.patience)
  private let dropCount = Atomic<UInt64>(0)
  private let padding1 = InlineArray<8, UInt64>(repeating: 0)

  // Written by the executor.
  private let detached: Atomic<UInt>
  private let consumed: Atomic<UInt>
  private let handledCount = Atomic<UInt64>(0)
  private let hybridCount = Atomic<UInt64>(0)
  private let padding2 = InlineArray<12, UInt64>(repeating: 0)

  // Hardly ever written.
  private let bound: Atomic<UInt>
  private let slots: UnsafeMutablePointer<Atomic<UInt>>
  private let mask: UInt
  private let lapShift: UInt
  /// The position at which the count of queued packets began.
  private let base: Atomic<UInt>
  /// Slots for packets of an older ring.
  private let reserve: UInt
  private let padding3 = InlineArray<10, UInt64>(repeating: 0)

  /// An empty queue for up to `limit` packets, that can `adopt` so many as an older one has room for.
  init(limit: Int, adopting older: Int = 0) {
    reserve = UInt(older)
    var capacity: UInt = 8
    while capacity < max(2 &* UInt(limit) &+ reserve, 2 &* reserve) { capacity &*= 2 }
    mask = capacity &- 1
    lapShift = UInt(capacity.trailingZeroBitCount)
    unsafe slots = .allocate(capacity: Int(capacity))
    // Half a lap ahead, so that packets of an older ring find a place before the first of this one.
    let start = capacity / 2
    // As if the lap before had been written: what is claimed and not written is told by its bit from the beginning.
    for slot in 0..<capacity { unsafe (slots + Int(slot)).initialize(to: Atomic(slot < start ? 1 : 0)) }
    base = Atomic(start)
    head = Atomic(start)
    seenDetached = Atomic(start)
    detached = Atomic(start)
    consumed = Atomic(start)
    bound = Atomic(UInt(limit))
  }

  deinit {
    unsafe slots.deallocate()
  }

  // MARK: Senders

  /// Queues one packet; false when the queue is full, and the packet is still the caller's.
  @inline(__always)
  func append(_ m: UnsafeMutablePointer<mbuf>, by sender: UnsafeMutablePointer<ThreadContext>) -> Bool {
    guard unsafe beginClaim(by: sender) else { return unsafe appendSharedOne(m, by: sender) }
    let position = head.load(ordering: .relaxed) & ~Self.exclusive
    let taken = room(for: 1, at: position)
    if taken == 1 {
      unsafe write(m, at: position)
      // Release: pairs with the acquire in `detach`; the slot was written before.
      head.store((position &+ 1) | Self.exclusive, ordering: .releasing)
    }
    unsafe endClaim(by: sender)
    return taken == 1
  }

  /// Queues packets in order, as many as fit: how many. The rest is still the caller's.
  @inline(__always)
  func append(
    _ packets: UnsafePointer<UnsafeMutablePointer<mbuf>?>, count: Int, by sender: UnsafeMutablePointer<ThreadContext>
  ) -> Int {
    guard unsafe beginClaim(by: sender) else { return unsafe appendShared(packets, count: count, by: sender) }
    let position = head.load(ordering: .relaxed) & ~Self.exclusive
    let taken = room(for: UInt(count), at: position)
    unsafe write(packets, Int(taken), at: position)
    // Release: pairs with the acquire in `detach`; the slots were written before.
    head.store((position &+ taken) | Self.exclusive, ordering: .releasing)
    unsafe endClaim(by: sender)
    return Int(taken)
  }

  /// Whether the queue is the sender's own: then nobody else claims before `endClaim`.
  @inline(__always)
  private func beginClaim(by sender: UnsafeMutablePointer<ThreadContext>) -> Bool {
    let name = UInt(bitPattern: sender)
    guard owner.load(ordering: .relaxed) == name else { return false }
    // A word of the sender's own: a sender that was stopped here, and is the owner no more, disturbs nobody.
    unsafe sender.pointee.claiming.store(1, ordering: .relaxed)
    // Pairs with the membarrier in `disown`: either that sees `claiming`, or this sees that the queue was taken away.
    netisr_host_compiler_barrier()
    if owner.load(ordering: .relaxed) == name { return true }
    unsafe endClaim(by: sender)
    return false
  }

  @inline(__always)
  private func endClaim(by sender: UnsafeMutablePointer<ThreadContext>) {
    // Release: pairs with the acquire in `disown`.
    unsafe sender.pointee.claiming.store(0, ordering: .releasing)
  }

  /// How many of `count` packets fit behind `position`, which the owner has claimed; raises the maximum.
  @inline(__always)
  private func room(for count: UInt, at position: UInt) -> UInt {
    let length = position &- seenDetached.load(ordering: .relaxed) &+ count
    if length <= maximum.load(ordering: .relaxed), length <= bound.load(ordering: .relaxed) { return count }
    return roomAnew(for: count, at: position)
  }

  /// The same, when what was last seen of the executor says too little.
  @inline(never)
  private func roomAnew(for count: UInt, at position: UInt) -> UInt {
    let limit = bound.load(ordering: .relaxed)
    let now = detached.load(ordering: .acquiring)
    seenDetached.store(now, ordering: .relaxed)
    let length = position &- now
    let taken = min(count, limit > length ? limit &- length : 0)
    if length &+ taken > maximum.load(ordering: .relaxed) { maximum.store(length &+ taken, ordering: .relaxed) }
    return taken
  }

  /// `appendShared` of one packet.
  @inline(never)
  private func appendSharedOne(
    _ m: UnsafeMutablePointer<mbuf>, by sender: UnsafeMutablePointer<ThreadContext>
  ) -> Bool {
    var one: UnsafeMutablePointer<mbuf>? = unsafe m
    return unsafe appendShared(&one, count: 1, by: sender) == 1
  }

  /// By compare and exchange, beside other senders.
  @inline(never)
  private func appendShared(
    _ packets: UnsafePointer<UnsafeMutablePointer<mbuf>?>, count: Int, by sender: UnsafeMutablePointer<ThreadContext>
  ) -> Int {
    while true {
      let position = head.load(ordering: .acquiring)
      if position & Self.exclusive != 0 {
        disown()
        continue
      }
      // Read after the head: so the length is never taken for more than it is at this moment.
      let length = position &- detached.load(ordering: .acquiring)
      // The head has moved on, and what was behind it was taken over.
      guard Int(bitPattern: length) >= 0 else { continue }
      let limit = bound.load(ordering: .relaxed)
      let taken = limit > length ? min(UInt(count), limit &- length) : 0
      guard taken > 0 else { return 0 }
      guard
        head.compareExchange(expected: position, desired: position &+ taken, ordering: .acquiringAndReleasing).exchanged
      else { continue }
      unsafe write(packets, Int(taken), at: position)
      raise(to: length &+ taken)
      noteSender(UInt(bitPattern: sender))
      return Int(taken)
    }
  }

  @inline(__always)
  private func write(_ packets: UnsafePointer<UnsafeMutablePointer<mbuf>?>, _ count: Int, at position: UInt) {
    for index in 0..<count { unsafe write(packets[index], at: position &+ UInt(index)) }
  }

  @inline(__always)
  private func write(_ packet: UnsafeMutablePointer<mbuf>?, at position: UInt) {
    // In bounds by the mask. Free: at most two limits of positions are between `consumed` and here.
    // Release: pairs with the acquire in `packet`.
    unsafe slots[Int(truncatingIfNeeded: position & mask)].store(
      UInt(bitPattern: packet) | lap(of: position), ordering: .releasing)
  }

  /// The lowest bit of what is written at a position: 1 in the first lap, 0 in the second, and so on.
  @inline(__always)
  private func lap(of position: UInt) -> UInt { ((position >> lapShift) & 1) ^ 1 }

  private func raise(to length: UInt) {
    var known = maximum.load(ordering: .relaxed)
    while length > known {
      let (exchanged, found) = maximum.weakCompareExchange(expected: known, desired: length, ordering: .relaxed)
      if exchanged { return }
      known = found
    }
  }

  /// Gives the queue to a sender that was long alone; the first one at once.
  private func noteSender(_ sender: UInt) {
    let last = lastSender.load(ordering: .relaxed)
    guard last == sender || last == 0 else {
      lastSender.store(sender, ordering: .relaxed)
      streak.store(0, ordering: .relaxed)
      return
    }
    lastSender.store(sender, ordering: .relaxed)
    let count = streak.load(ordering: .relaxed) &+ 1
    streak.store(count, ordering: .relaxed)
    guard count >= Self.patience, changing.compareExchange(expected: 0, desired: 1, ordering: .acquiring).exchanged
    else { return }
    let position = head.load(ordering: .relaxed)
    if position & Self.exclusive == 0,
      head.compareExchange(expected: position, desired: position | Self.exclusive, ordering: .acquiringAndReleasing)
        .exchanged
    {
      // From here on nobody else moves `head`.
      seenDetached.store(detached.load(ordering: .acquiring), ordering: .relaxed)
      owner.store(sender, ordering: .releasing)
    }
    changing.store(0, ordering: .releasing)
  }

  /// Takes the queue away from its owner.
  private func disown() { withoutOwner {} }

  /// The same; nobody becomes the owner before `body` has returned.
  private func withoutOwner(_ body: () -> Void) {
    var backoff = Backoff()
    while !changing.weakCompareExchange(expected: 0, desired: 1, ordering: .acquiring).exchanged { backoff.pause() }
    if head.load(ordering: .relaxed) & Self.exclusive != 0 {
      let last = owner.exchange(0, ordering: .sequentiallyConsistent)
      netisr_host_barrier_everywhere()
      // A record, which lives as long as the engine. Acquire: pairs with the release in `append`; the owner's last store to
      // `head` was before.
      if let record = unsafe UnsafeMutablePointer<ThreadContext>(bitPattern: last) {
        var backoff = Backoff()
        while unsafe record.pointee.claiming.load(ordering: .acquiring) != 0 { backoff.pause() }
      }
      streak.store(0, ordering: .relaxed)
      head.bitwiseAnd(~Self.exclusive, ordering: .releasing)
    }
    body()
    changing.store(0, ordering: .releasing)
  }

  /// Counts a packet that found the queue full.
  func countDrops(_ count: Int) {
    dropCount.wrappingAdd(UInt64(count), ordering: .relaxed)
  }

  // MARK: The executor

  /// Whether there is anything to take over.
  @inline(__always)
  var hasPending: Bool {
    head.load(ordering: .relaxed) & ~Self.exclusive != detached.load(ordering: .relaxed)
  }

  /// Takes over all that is queued: its positions. The queue is empty from now on.
  @inline(__always)
  func detach() -> Range<UInt> {
    let end = head.load(ordering: .acquiring) & ~Self.exclusive
    let begin = detached.load(ordering: .relaxed)
    // Release: pairs with the acquire in `append`.
    detached.store(end, ordering: .releasing)
    return begin..<end
  }

  /// The packet at a position that was taken over.
  @inline(__always)
  func packet(at position: UInt) -> UnsafeMutablePointer<mbuf> {
    let slot = unsafe slots + Int(truncatingIfNeeded: position & mask)
    let lap = lap(of: position)
    var word = unsafe slot.pointee.load(ordering: .acquiring)
    if word & 1 != lap {
      // Claimed, and about to be written.
      var backoff = Backoff()
      repeat {
        backoff.pause()
        word = unsafe slot.pointee.load(ordering: .acquiring)
      } while word & 1 != lap
    }
    // A sender wrote the address of an mbuf, which is aligned, there.
    return unsafe UnsafeMutablePointer(bitPattern: word & ~1)!
  }

  /// Everything before `position` was handled or dropped, `handled` more of it handled.
  @inline(__always)
  func consume(upTo position: UInt, handled: Int) {
    handledCount.store(handledCount.load(ordering: .relaxed) &+ UInt64(handled), ordering: .relaxed)
    // Release: pairs with the acquire in `isEmpty`: what handlers did happened before.
    consumed.store(position, ordering: .releasing)
  }

  /// Counts a packet that was handled in the worker's place.
  @inline(__always)
  func countHybrid(_ count: Int) {
    hybridCount.store(hybridCount.load(ordering: .relaxed) &+ UInt64(count), ordering: .relaxed)
  }

  /// Takes the queued packets out that `matches` chooses; the others move up, in order. Nothing is in hand.
  func remove(where matches: (UnsafeMutablePointer<mbuf>) -> Bool) -> [UnsafeMutablePointer<mbuf>] {
    var removed: [UnsafeMutablePointer<mbuf>] = unsafe []
    let range = detached.load(ordering: .relaxed)..<(head.load(ordering: .acquiring) & ~Self.exclusive)
    var kept: [UnsafeMutablePointer<mbuf>] = unsafe []
    for position in range {
      let m = unsafe packet(at: position)
      if unsafe matches(m) { unsafe removed.append(m) } else { unsafe kept.append(m) }
    }
    unsafe putBack(kept, before: range.upperBound)
    return unsafe removed
  }

  /// Puts packets in front of a position at which the queue begins, or before which all was taken out.
  func putBack(_ packets: [UnsafeMutablePointer<mbuf>], before end: UInt) {
    let begin = unsafe end &- UInt(packets.count)
    unsafe packets.map(Optional.some).withUnsafeBufferPointer { list in
      if let first = list.baseAddress { unsafe write(first, list.count, at: begin) }
    }
    consumed.store(begin, ordering: .releasing)
    detached.store(begin, ordering: .releasing)
  }

  /// Goes on where an older queue ended: with its packets in front of its own, and its figures. Nothing was taken yet.
  func adopt(_ old: Figures, _ packets: [UnsafeMutablePointer<mbuf>] = unsafe []) {
    // An owner relies on that `detached` only grows.
    withoutOwner { unsafe putBack(packets, before: detached.load(ordering: .relaxed)) }
    base.wrappingSubtract(UInt(old.queued), ordering: .relaxed)
    raise(to: UInt(old.watermark))
    dropCount.wrappingAdd(old.drops, ordering: .relaxed)
    handledCount.wrappingAdd(old.handled, ordering: .relaxed)
    hybridCount.wrappingAdd(old.hybridDispatched, ordering: .relaxed)
  }

  /// What an executor that is lost had taken over goes back, but for what it had handled, and the packet in its hand:
  /// how many of its batch were handled. By who takes its place.
  ///
  /// The batch's packets still stand in their slots: no sender may write there before they are consumed. Those that
  /// were dropped on the way, for a vnet, are not in the executor's list, which `rest` says: what is behind the packet
  /// in hand, up to a nil.
  func takeBack(
    inHand m: UnsafeMutablePointer<mbuf>, batch: UInt, handled: (Int, (Int) -> UnsafeMutablePointer<mbuf>) -> Int,
    rest: (Int) -> UnsafeMutablePointer<mbuf>?
  ) -> Int? {
    let begin = consumed.load(ordering: .relaxed)
    let end = detached.load(ordering: .relaxed)
    let batchEnd = begin &+ min(batch, end &- begin)
    var position = begin
    while position != batchEnd, unsafe packet(at: position) != m { position &+= 1 }
    guard position != batchEnd else { return nil }
    let count = unsafe handled(Int(position &- begin)) { unsafe packet(at: begin &+ UInt($0)) }
    var left: [UnsafeMutablePointer<mbuf>] = unsafe []
    for index in 1..<max(1, Int(batchEnd &- position)) {
      guard let m = unsafe rest(index) else { break }
      unsafe left.append(m)
    }
    for later in batchEnd..<end { unsafe left.append(packet(at: later)) }
    consume(upTo: position &+ 1, handled: count)
    // An owner relies on that `detached` only grows.
    withoutOwner { unsafe putBack(left, before: end) }
    return count
  }

  // MARK: Any thread

  /// Whether nothing is queued nor in hand.
  @inline(__always)
  var isEmpty: Bool {
    head.load(ordering: .acquiring) & ~Self.exclusive == consumed.load(ordering: .acquiring)
  }

  /// The most packets that may be queued.
  var limit: Int { Int(bound.load(ordering: .relaxed)) }

  /// Packets that the ring has room for.
  var capacity: Int { Int(mask) + 1 }

  /// Whether the ring is large enough for a limit.
  func takes(limit: Int) -> Bool { 2 * limit + Int(reserve) <= capacity }

  /// Sets the limit, which the ring must be large enough for.
  func setLimit(_ limit: Int) { bound.store(UInt(limit), ordering: .relaxed) }

  /// Sets the count of drops to 0.
  func clearDrops() { dropCount.store(0, ordering: .relaxed) }

  /// Visits the addresses of the packets that are queued or in hand, for who only counts: while packets move, some may have
  /// been handled and freed.
  func forEachPacket(_ body: (UInt) -> Void) {
    let begin = consumed.load(ordering: .acquiring)
    let length = (head.load(ordering: .acquiring) & ~Self.exclusive) &- begin
    for index in 0..<min(length, mask &+ 1) {
      let position = begin &+ index
      let word = unsafe slots[Int(truncatingIfNeeded: position & mask)].load(ordering: .relaxed)
      if word & 1 == lap(of: position) { body(word & ~1) }
    }
  }

  /// What a queue counted, as `netstat -Q` shows it.
  struct Figures {
    /// Packets queued.
    var length = 0
    /// Packets taken from the queue, and not yet handled.
    var inHand = 0
    var watermark = 0
    var drops: UInt64 = 0
    var queued: UInt64 = 0
    /// Of the queued ones.
    var handled: UInt64 = 0
    var hybridDispatched: UInt64 = 0
  }

  /// The figures now, each of them whole.
  var figures: Figures {
    // In this order: no difference can come out negative.
    let consumed = consumed.load(ordering: .acquiring)
    let detached = detached.load(ordering: .acquiring)
    let head = head.load(ordering: .acquiring) & ~Self.exclusive
    return Figures(
      length: Int(head &- detached), inHand: Int(detached &- consumed),
      watermark: Int(maximum.load(ordering: .relaxed)),
      drops: dropCount.load(ordering: .relaxed), queued: UInt64(head &- base.load(ordering: .relaxed)),
      handled: handledCount.load(ordering: .relaxed), hybridDispatched: hybridCount.load(ordering: .relaxed))
  }
}
