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
/// rcvif is always good.
@safe
public final class InterfaceRegistry: @unchecked Sendable {
  /// The most interfaces over an engine's life.
  public static let limit = 4096

  /// The addresses of the interfaces that can be found, by place, else 0; `limit` words from init to deinit. Handlers look here for every packet, so
  /// that finding is one load.
  private let visible: UnsafeMutablePointer<Atomic<UInt>>
  /// By a hash of the system's index and the vnet: the index of the interface that was found last by such; 0: none. `limit`
  /// numbers, from init to deinit. What it says is looked at anew each time: the system's indices change.
  private let remembered: UnsafeMutablePointer<Atomic<UInt32>>
  private let count = Atomic<Int>(0)
  // Under the lock.
  private var interfaces: [UnsafeMutablePointer<ifnet>]
  private var outputs: [InterfaceOutput?] = []
  private var clocks: UInt32 = 0
  private let lock = Lock()

  init() {
    unsafe interfaces = []
    unsafe visible = .allocate(capacity: Self.limit)
    unsafe remembered = .allocate(capacity: Self.limit)
    for place in 0..<Self.limit {
      unsafe (visible + place).initialize(to: Atomic(0))
      unsafe (remembered + place).initialize(to: Atomic(0))
    }
  }

  deinit {
    for place in 0..<count.load(ordering: .relaxed) { unsafe interfaces[place].deallocate() }
    unsafe visible.deallocate()
    unsafe remembered.deallocate()
  }

  /// Makes an interface, up, with an index of its own. nil when there are `limit` already.
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
      let place = unsafe interfaces.count
      guard place < Self.limit else { return nil }
      let ifp = UnsafeMutablePointer<ifnet>.allocate(capacity: 1)
      unsafe ifp.initialize(to: ifnet())
      unsafe ifp.pointee.if_index = UInt32(place + 1)
      unsafe ifp.pointee.if_vnet = vnet
      unsafe ifp.pointee.if_type = UInt32(type)
      unsafe ifp.pointee.if_flags = flags | UInt32(IFNET_UP)
      unsafe ifp.pointee.if_mtu = mtu
      if ownClock {
        clocks += 1
        unsafe ifp.pointee.if_clock = clocks
      }
      unsafe withUnsafeMutableBytes(of: &ifp.pointee.if_xname) { field in
        unsafe field.copyBytes(from: name.utf8.prefix(field.count - 1))
      }
      unsafe ifp.pointee.if_sysindex = 0x4000_0000 | UInt32(place + 1)
      unsafe interfaces.append(ifp)
      outputs.append(output)
      // Release: pairs with the acquire in `interface`.
      if !isHidden { unsafe visible[place].store(UInt(bitPattern: ifp), ordering: .releasing) }
      // Relaxed: who looks beyond finds nothing.
      count.store(place + 1, ordering: .relaxed)
      return unsafe ifp
    }
  }

  /// Has a hidden interface found from now on, with all that was written into it.
  public func publish(_ ifp: UnsafeMutablePointer<ifnet>) {
    // Release: pairs with the acquire in `interface`.
    unsafe visible[Int(ifp.pointee.if_index) - 1].store(UInt(bitPattern: ifp), ordering: .releasing)
  }

  /// Takes an interface away: nobody finds it any more, it is down and sends nothing. Its memory, and with it every
  /// packet's rcvif, stays good.
  public func withdraw(_ ifp: UnsafeMutablePointer<ifnet>) {
    lock.withLock {
      let place = unsafe Int(ifp.pointee.if_index) - 1
      unsafe visible[place].store(0, ordering: .relaxed)
      outputs[place] = nil
    }
  }

  /// The interface with that index, if it is published and was not withdrawn.
  public func interface(_ index: UInt32) -> UnsafeMutablePointer<ifnet>? {
    guard index > 0, index <= UInt32(Self.limit) else { return nil }
    // Acquire: pairs with the release in `make` and `publish`.
    return unsafe UnsafeMutablePointer(bitPattern: visible[Int(index) - 1].load(ordering: .acquiring))
  }

  /// The interface of a vnet that the system knows by an index of its own (`if_sysindex`).
  public func interface(systemIndex: UInt32, vnet: UInt32) -> UnsafeMutablePointer<ifnet>? {
    // The upper 12 bits of a product: neighbours are far from each other.
    let slot = Int(((systemIndex &+ vnet &* 0x0100_0193) &* 0x9e37_79b1) >> 20)
    // Relaxed: an index says nothing of what is there.
    let index = unsafe remembered[slot].load(ordering: .relaxed)
    if let known = unsafe interface(index), unsafe Self.isCalled(known, systemIndex, vnet) { return unsafe known }
    for index in 1..<maxIndex &+ 1 {
      guard let other = unsafe interface(index), unsafe Self.isCalled(other, systemIndex, vnet) else { continue }
      unsafe remembered[slot].store(index, ordering: .relaxed)
      return unsafe other
    }
    return nil
  }

  private static func isCalled(_ ifp: UnsafeMutablePointer<ifnet>, _ systemIndex: UInt32, _ vnet: UInt32) -> Bool {
    unsafe ifnet_sysindex(ifp) == systemIndex && ifp.pointee.if_vnet == vnet
  }

  /// The highest index ever given.
  public var maxIndex: UInt32 { UInt32(truncatingIfNeeded: count.load(ordering: .relaxed)) }

  func output(_ index: UInt32) -> InterfaceOutput? {
    lock.withLock { index > 0 && Int(index) <= outputs.count ? outputs[Int(index) - 1] : nil }
  }
}
