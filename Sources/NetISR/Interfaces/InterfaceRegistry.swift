import CNetISR
import Glibc

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

  private let interfaces: UnsafeMutablePointer<UnsafeMutablePointer<ifnet>?>
  private var outputs: [InterfaceOutput?] = []
  private var count = 0
  /// Places of interfaces that nobody finds: not yet, or not any more.
  private var hidden: Set<Int> = []
  private var clocks: UInt32 = 0
  private let lock = Lock()

  init() {
    unsafe interfaces = .allocate(capacity: Self.limit)
    unsafe interfaces.initialize(repeating: nil, count: Self.limit)
  }

  deinit {
    for index in 0..<count { unsafe interfaces[index]?.deallocate() }
    unsafe interfaces.deallocate()
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
      guard count < Self.limit else { return nil }
      let ifp = UnsafeMutablePointer<ifnet>.allocate(capacity: 1)
      unsafe ifp.initialize(to: ifnet())
      unsafe ifp.pointee.if_index = UInt32(count + 1)
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
      unsafe interfaces[count] = ifp
      outputs.append(output)
      if isHidden { hidden.insert(count) }
      count += 1
      return unsafe ifp
    }
  }

  /// Has a hidden interface found from now on, with all that was written into it.
  public func publish(_ ifp: UnsafeMutablePointer<ifnet>) {
    lock.withLock { _ = unsafe hidden.remove(Int(ifp.pointee.if_index) - 1) }
  }

  /// Takes an interface away: nobody finds it any more, it is down and sends nothing. Its memory, and with it every
  /// packet's rcvif, stays good.
  public func withdraw(_ ifp: UnsafeMutablePointer<ifnet>) {
    lock.withLock {
      let place = unsafe Int(ifp.pointee.if_index) - 1
      hidden.insert(place)
      outputs[place] = nil
    }
  }

  /// The interface with that index, unless it was withdrawn.
  public func interface(_ index: UInt32) -> UnsafeMutablePointer<ifnet>? {
    unsafe lock.withLock {
      guard index > 0, Int(index) <= count, !hidden.contains(Int(index) - 1) else { return nil }
      return unsafe interfaces[Int(index) - 1]
    }
  }

  /// The highest index ever given.
  public var maxIndex: UInt32 { lock.withLock { UInt32(count) } }

  func output(_ index: UInt32) -> InterfaceOutput? {
    lock.withLock { index > 0 && Int(index) <= count ? outputs[Int(index) - 1] : nil }
  }
}
