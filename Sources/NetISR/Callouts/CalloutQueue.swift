import CNetISR
import Glibc
import Synchronization

/// `callout_func_t`.
public typealias CalloutFunction = @convention(c) (UnsafeMutableRawPointer?) -> Void

/// The callouts of one workstream.
///
/// Records belong to the host: a plugin knows one by a number that is never used again, so whatever the plugin does with its
/// `struct callout`, nothing here can be torn. A record is reserved first, and armed by a second step: who exchanges the
/// number in a `struct callout` in between wins over whoever did before, without a lock around both.
///
/// | what | exclusion |
/// |---|---|
/// | records, heaps | the lock, held for a few instructions |
/// | `earliest`, `isAdvanced`, `running` | written under the lock; looked at by one load |
///
/// The lock is not contended where callouts are armed by handlers of the workstream, and then costs one locked
/// instruction. Without one it could only be for who runs as the workstream's executor, which under direct dispatch no
/// handler does.
@safe
struct CalloutQueue: ~Copyable {
  static let none = UInt64.max

  @safe
  private struct Record {
    /// While it is free, the next free one.
    var next: UInt32
    var clock: UInt32
    /// The part of its identifier that is never used again; 0: free.
    var serial: UInt32
    /// Where it is in the clock's heap; -1 while it is only reserved.
    var position: Int32
    /// Whose mbufs they are that it makes: a `MbufHolder`.
    var mark: UInt32
    var function: CalloutFunction
    var argument: UnsafeMutableRawPointer?
  }

  /// What the lock guards.
  @safe
  private struct State {
    // CALLOUT_MAX + 1 records, all zero at first, from the first `reserve` to the queue's end; number 0 is nobody's. What was
    // never used takes no memory.
    var records: UnsafeMutablePointer<Record>? = nil
    var highest: UInt32 = 0
    var firstFree: UInt32 = 0
    var heaps: [CalloutHeap] = [CalloutHeap()]
    var sequence: UInt64 = 0
  }

  /// One whose time has come.
  @safe
  struct Due {
    let id: UInt64
    let mark: UInt32
    let function: CalloutFunction
    let argument: UnsafeMutableRawPointer?

    var address: UInt { unsafe UInt(bitPattern: unsafeBitCast(function, to: UnsafeRawPointer.self)) }
  }

  let number: Int
  private let lock = SpinLock()
  // From init to deinit. Apart, so that an access to what the lock guards begins when it is held, and none is an access
  // to the whole queue.
  private let state: UnsafeMutablePointer<State>
  private let padding1 = InlineArray<13, UInt64>(repeating: 0)

  /// The earliest deadline on the host's clock, or `none`.
  private let earliestDeadline = Atomic<UInt64>(CalloutQueue.none)
  /// Whether a capture's clock went past a deadline.
  private let isAdvanced = Atomic(false)
  /// The callout that is being called; 0 for none.
  private let running = Atomic<UInt64>(0)
  private let padding2 = InlineArray<13, UInt64>(repeating: 0)

  init(number: Int) {
    self.number = number
    unsafe state = .allocate(capacity: 1)
    unsafe state.initialize(to: State())
  }

  deinit {
    unsafe Glibc.free(state.pointee.records)
    unsafe state.deinitialize(count: 1)
    unsafe state.deallocate()
  }

  // MARK: For who arms

  /// A record that is not armed yet; nil when there are too many, or `isClosed` says of the function's address that it is
  /// about to go.
  func reserve(
    _ function: CalloutFunction, _ argument: UnsafeMutableRawPointer?, clock: Int, mark: UInt32,
    isClosed: (UInt) -> Bool
  ) -> UInt64? {
    lock.lock()
    defer { lock.unlock() }
    let address = unsafe UInt(bitPattern: unsafeBitCast(function, to: UnsafeRawPointer.self))
    guard !isClosed(address), let slot = allocate() else { return nil }
    unsafe state.pointee.sequence &+= 1
    if unsafe UInt32(truncatingIfNeeded: state.pointee.sequence) == 0 { unsafe state.pointee.sequence &+= 1 }
    let serial = unsafe UInt32(truncatingIfNeeded: state.pointee.sequence)
    unsafe record(slot).initialize(
      to: Record(
        next: 0, clock: UInt32(clock), serial: serial, position: -1, mark: mark, function: function,
        argument: argument))
    return UInt64(number) &<< 52 | UInt64(slot) &<< 32 | UInt64(serial)
  }

  /// Arms a reserved record, unless it was cancelled meanwhile. Whether a worker may have to wake for it: of the host's
  /// clock it is the earliest now, or its capture's clock, which shows `passed`, is past the deadline.
  func arm(_ id: UInt64, deadline: UInt64, passed: () -> UInt64) -> Bool {
    lock.lock()
    defer { lock.unlock() }
    guard let slot = find(id) else { return false }
    let record = unsafe record(slot)
    guard unsafe record.pointee.position < 0 else { return false }
    let clock = unsafe Int(record.pointee.clock)
    while unsafe state.pointee.heaps.count <= clock { unsafe state.pointee.heaps.append(CalloutHeap()) }
    unsafe state.pointee.sequence &+= 1
    let first = unsafe record - Int(slot)
    unsafe state.pointee.heaps[clock].insert(
      CalloutHeap.Entry(deadline: deadline, sequence: state.pointee.sequence, record: slot)
    ) { slot, position in
      unsafe first[Int(slot)].position = Int32(truncatingIfNeeded: position)
    }
    if clock != 0 {
      // Asked under the lock, which `noteAdvance` takes after the clock went on: one of the two sees it.
      guard deadline <= passed() else { return false }
      isAdvanced.store(true, ordering: .releasing)
      return true
    }
    return unsafe publishEarliest() && state.pointee.heaps[0].first?.record == slot
  }

  /// Takes a record away. Whether it was there: armed, or reserved.
  func cancel(_ id: UInt64) -> Bool {
    lock.lock()
    defer { lock.unlock() }
    guard let slot = find(id) else { return false }
    remove(slot)
    return true
  }

  /// Whether a record is armed or reserved.
  func isPending(_ id: UInt64) -> Bool {
    lock.lock()
    defer { lock.unlock() }
    return find(id) != nil
  }

  /// Whether it is the one that is being called.
  func isRunning(_ id: UInt64) -> Bool {
    // Acquire: pairs with the release in `finish`.
    running.load(ordering: .acquiring) == id
  }

  /// Takes away all whose functions are in a range of addresses.
  func removeAll(in code: Range<UInt>) {
    lock.lock()
    defer { lock.unlock() }
    guard unsafe state.pointee.highest > 0 else { return }
    for slot in unsafe 1...state.pointee.highest {
      let record = unsafe record(slot)
      guard unsafe record.pointee.serial != 0 else { continue }
      let address = unsafe UInt(bitPattern: unsafeBitCast(record.pointee.function, to: UnsafeRawPointer.self))
      if code.contains(address) { remove(slot) }
    }
  }

  /// Memory that records take whose functions are in a range of addresses, in bytes.
  func memory(of code: Range<UInt>) -> Int {
    lock.lock()
    defer { lock.unlock() }
    guard unsafe state.pointee.highest > 0 else { return 0 }
    var count = 0
    for slot in unsafe 1...state.pointee.highest {
      let record = unsafe record(slot)
      guard unsafe record.pointee.serial != 0 else { continue }
      if unsafe code.contains(UInt(bitPattern: unsafeBitCast(record.pointee.function, to: UnsafeRawPointer.self))) {
        count += 1
      }
    }
    return count * (MemoryLayout<Record>.stride + MemoryLayout<CalloutHeap.Entry>.stride)
  }

  // MARK: For the executor

  /// Whether it is worth while to look for callouts that are due.
  @inline(__always)
  var mayBeDue: Bool {
    earliestDeadline.load(ordering: .relaxed) != Self.none || isAdvanced.load(ordering: .relaxed)
  }

  /// The earliest deadline on the host's clock, or `none`; 0 when a capture's clock has passed one.
  var earliest: UInt64 {
    // Acquire: pairs with the release in `noteAdvance`.
    isAdvanced.load(ordering: .acquiring) ? 0 : earliestDeadline.load(ordering: .acquiring)
  }

  /// Whether a capture's clock has passed a deadline, and nobody has looked at it yet.
  var hasPassed: Bool { isAdvanced.load(ordering: .acquiring) }

  /// A capture's clock went on: whether it has passed a deadline.
  func noteAdvance(_ clock: Int, passed: UInt64) -> Bool {
    lock.lock()
    defer { lock.unlock() }
    guard unsafe clock < state.pointee.heaps.count, let first = unsafe state.pointee.heaps[clock].first,
      first.deadline <= passed
    else { return false }
    isAdvanced.store(true, ordering: .releasing)
    return true
  }

  /// Begins a round: callouts that are armed from here on wait for the next one. Up to which sequence number, and for how
  /// many clocks.
  func beginRound() -> (last: UInt64, clocks: Int) {
    lock.lock()
    defer { lock.unlock() }
    isAdvanced.store(false, ordering: .relaxed)
    return unsafe (state.pointee.sequence, state.pointee.heaps.count)
  }

  /// Takes the next one of a clock that is due, which is running until `finish`.
  func takeDue(clock: Int, passed: UInt64, last: UInt64) -> Due? {
    lock.lock()
    defer { lock.unlock() }
    guard let first = unsafe state.pointee.heaps[clock].first, first.deadline <= passed else { return nil }
    guard first.sequence <= last else {
      if clock != 0 { isAdvanced.store(true, ordering: .relaxed) }
      return nil
    }
    let record = unsafe record(first.record).pointee
    let id = UInt64(number) &<< 52 | UInt64(first.record) &<< 32 | UInt64(record.serial)
    running.store(id, ordering: .relaxed)
    remove(first.record)
    return unsafe Due(id: id, mark: record.mark, function: record.function, argument: record.argument)
  }

  /// The callout that was taken last has returned.
  func finish() { running.store(0, ordering: .releasing) }

  /// Whether one is being called.
  var isCalling: Bool { running.load(ordering: .acquiring) != 0 }

  // MARK: Under the lock

  /// The slot behind an identifier: any number may be asked for.
  private func find(_ id: UInt64) -> UInt32? {
    let slot = UInt32(truncatingIfNeeded: id &>> 32) & 0xf_ffff
    let serial = UInt32(truncatingIfNeeded: id)
    guard slot > 0, unsafe slot <= state.pointee.highest, serial != 0, unsafe record(slot).pointee.serial == serial
    else { return nil }
    return slot
  }

  private func remove(_ slot: UInt32) {
    let record = unsafe record(slot)
    let clock = unsafe Int(record.pointee.clock)
    let position = unsafe Int(record.pointee.position)
    if position >= 0 {
      let first = unsafe record - Int(slot)
      unsafe state.pointee.heaps[clock].remove(at: position) { slot, position in
        unsafe first[Int(slot)].position = Int32(truncatingIfNeeded: position)
      }
      if clock == 0 { _ = publishEarliest() }
    }
    unsafe record.pointee.serial = 0
    unsafe record.pointee.next = state.pointee.firstFree
    unsafe state.pointee.firstFree = slot
  }

  /// A free record; nil when there is none, or no memory.
  private func allocate() -> UInt32? {
    if unsafe state.pointee.records == nil {
      guard let memory = unsafe calloc(Int(CALLOUT_MAX) + 1, MemoryLayout<Record>.stride) else { return nil }
      unsafe state.pointee.records = memory.assumingMemoryBound(to: Record.self)
    }
    if unsafe state.pointee.firstFree != 0 {
      let slot = unsafe state.pointee.firstFree
      unsafe state.pointee.firstFree = unsafe record(slot).pointee.next
      return slot
    }
    guard unsafe state.pointee.highest < UInt32(CALLOUT_MAX) else { return nil }
    unsafe state.pointee.highest &+= 1
    return unsafe state.pointee.highest
  }

  /// A record with a number from 1 to `highest`: there are some, so the memory is there.
  @inline(__always)
  private func record(_ slot: UInt32) -> UnsafeMutablePointer<Record> {
    unsafe state.pointee.records.unsafelyUnwrapped + Int(slot)
  }

  /// Whether the host's clock's earliest deadline is another than before.
  private func publishEarliest() -> Bool {
    let deadline = unsafe state.pointee.heaps[0].first?.deadline ?? Self.none
    guard earliestDeadline.load(ordering: .relaxed) != deadline else { return false }
    // Release: pairs with the acquire in `earliest`.
    earliestDeadline.store(deadline, ordering: .releasing)
    return true
  }
}
