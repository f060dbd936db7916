import CNetISR
import Glibc
import Synchronization

/// How an interface sends: `transmit` consumes the packet and returns 0 or an errno value, `start` tries again what
/// was held up and returns how many packets moved. Called from any thread, also at once.
public protocol InterfaceOutput: AnyObject, Sendable {
  /// Sends, or queues, or drops and counts, one packet.
  func transmit(_ ifp: UnsafeMutablePointer<ifnet>, _ m: UnsafeMutablePointer<mbuf>) -> Int32
  /// Sends what waits.
  func start(_ ifp: UnsafeMutablePointer<ifnet>) -> UInt32
}

/// Every interface of an engine, by its index. An index is used once; an `ifnet` is freed with the engine, so a packet's
/// rcvif is always good: one that is gone costs some 500 bytes.
@safe
public final class InterfaceRegistry: @unchecked Sendable {
  /// The most interfaces at one time.
  public static let limit = 4096
  /// The most over an engine's life.
  private static let indices = InterfacePages.capacity

  private let pages = InterfacePages()
  /// By a hash of the system's index and the vnet: the index of the interface that was found last by such; 0: none. `limit`
  /// numbers, from init to deinit. What it says is looked at anew each time: the system's indices change.
  private let remembered: UnsafeMutablePointer<Atomic<UInt32>>
  private let count = Atomic<Int>(0)
  // Under the lock.
  /// All there ever were, by index.
  private var made: [UnsafeMutablePointer<ifnet>]
  private var present = 0
  private var outputs: [UInt32: InterfaceOutput] = [:]
  /// Of those that have a clock of their own: by index.
  private var clocks: [UInt32: UInt32] = [:]
  /// Clocks of interfaces that are gone, the one that was so first in front.
  private var freeClocks: [UInt32] = []
  private var clockCount: UInt32 = 0
  private let lock = Lock()

  /// Has a clock begin anew that was another interface's. Set before the first interface is made.
  nonisolated(unsafe) var beginClock: (UInt32) -> Void = { _ in }

  init() {
    unsafe made = []
    unsafe remembered = .allocate(capacity: Self.limit)
    for place in 0..<Self.limit { unsafe (remembered + place).initialize(to: Atomic(0)) }
  }

  deinit {
    for index in unsafe made.indices { unsafe made[index].deallocate() }
    unsafe remembered.deallocate()
  }

  /// Makes an interface, up, with an index of its own. nil when there are `limit` already, or all indices were used.
  ///
  /// - Parameters:
  ///   - name: cut to 31 bytes.
  ///   - ownClock: its packets' times are by a clock of its own: a capture's.
  ///   - isHidden: nobody finds it before `publish`: for who has more to write into it, which plugins read without a lock.
  public func make(
    name: String, type: Int32, vnet: UInt32 = 0, flags: UInt32 = 0, mtu: UInt32 = 1500, ownClock: Bool = false,
    isHidden: Bool = false, output: InterfaceOutput? = nil
  ) -> UnsafeMutablePointer<ifnet>? {
    precondition(vnet < UInt32(Vnets.limit), "vnet \(vnet): expected 0 to \(Vnets.limit - 1)")
    return unsafe lock.withLock {
      guard present < Self.limit, unsafe made.count < Self.indices else { return nil }
      let index = unsafe UInt32(made.count + 1)
      let ifp = UnsafeMutablePointer<ifnet>.allocate(capacity: 1)
      unsafe ifp.initialize(to: ifnet())
      unsafe ifp.pointee.if_index = index
      unsafe ifp.pointee.if_vnet = vnet
      unsafe ifp.pointee.if_type = UInt32(type)
      unsafe ifp.pointee.if_flags = flags | UInt32(IFNET_UP)
      unsafe ifp.pointee.if_mtu = mtu
      if ownClock { unsafe ifp.pointee.if_clock = takeClock(for: index) }
      unsafe withUnsafeMutableBytes(of: &ifp.pointee.if_xname) { field in
        unsafe field.copyBytes(from: name.utf8.prefix(field.count - 1))
      }
      unsafe ifp.pointee.if_sysindex = 0x4000_0000 | index
      unsafe made.append(ifp)
      present += 1
      outputs[index] = output
      unsafe pages.append(index, isHidden ? nil : ifp)
      // Relaxed: who looks beyond finds nothing.
      unsafe count.store(made.count, ordering: .relaxed)
      return unsafe ifp
    }
  }

  /// With the lock. There is one for each interface that may be present.
  private func takeClock(for index: UInt32) -> UInt32 {
    var clock = clockCount + 1
    if freeClocks.isEmpty { clockCount = clock } else { clock = freeClocks.removeFirst() }
    clocks[index] = clock
    unsafe beginClock(clock)
    return clock
  }

  /// Has a hidden interface found from now on, with all that was written into it.
  public func publish(_ ifp: UnsafeMutablePointer<ifnet>) { unsafe pages.publish(ifp.pointee.if_index, ifp) }

  /// Takes an interface away: nobody finds it any more, it is down and sends nothing. Its memory, and with it every
  /// packet's rcvif, stays good; its clock, if it has one of its own, goes to another, and nobody may advance it for it
  /// any more.
  public func withdraw(_ ifp: UnsafeMutablePointer<ifnet>) {
    lock.withLock {
      let index = unsafe ifp.pointee.if_index
      guard pages.remove(index) else { return }
      present -= 1
      outputs[index] = nil
      if let clock = clocks.removeValue(forKey: index) { freeClocks.append(clock) }
    }
  }

  /// The interface with that index, if it is published and was not withdrawn.
  @inline(__always)
  public func interface(_ index: UInt32) -> UnsafeMutablePointer<ifnet>? { unsafe pages.interface(index) }

  /// Of the interfaces that are published and were not withdrawn, the first with a higher index.
  public func next(after index: UInt32) -> UnsafeMutablePointer<ifnet>? { unsafe pages.next(after: index) }

  /// The interface of a vnet that the system knows by an index of its own (`if_sysindex`).
  public func interface(systemIndex: UInt32, vnet: UInt32) -> UnsafeMutablePointer<ifnet>? {
    // The upper 12 bits of a product: neighbours are far from each other.
    let slot = Int(((systemIndex &+ vnet &* 0x0100_0193) &* 0x9e37_79b1) >> 20)
    // Relaxed: an index says nothing of what is there.
    let index = unsafe remembered[slot].load(ordering: .relaxed)
    if let known = unsafe interface(index), unsafe Self.isCalled(known, systemIndex, vnet) { return unsafe known }
    var next = unsafe next(after: 0)
    while let other = unsafe next {
      let index = unsafe other.pointee.if_index
      if unsafe Self.isCalled(other, systemIndex, vnet) {
        unsafe remembered[slot].store(index, ordering: .relaxed)
        return unsafe other
      }
      unsafe next = self.next(after: index)
    }
    return nil
  }

  private static func isCalled(_ ifp: UnsafeMutablePointer<ifnet>, _ systemIndex: UInt32, _ vnet: UInt32) -> Bool {
    unsafe ifnet_sysindex(ifp) == systemIndex && ifp.pointee.if_vnet == vnet
  }

  /// The highest index ever given.
  public var maxIndex: UInt32 { UInt32(truncatingIfNeeded: count.load(ordering: .relaxed)) }

  func output(_ index: UInt32) -> InterfaceOutput? { lock.withLock { outputs[index] } }
}
