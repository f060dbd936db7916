import CNetISR
import Glibc
import NetISR
import Synchronization

/// Two ATM interfaces joined back to back: cells that are sent into one come out of the other, through NETISR_NATM's
/// queue. As on a real line, a cell that finds no room there is lost.
@safe
public final class CellPair: InterfaceOutput, @unchecked Sendable {
  /// What one end did.
  public struct Statistics: Sendable {
    /// Frames that went to the other end.
    public var sent: UInt64 = 0
    /// Frames that nobody took: the queue was full, or nobody serves NETISR_NATM.
    public var dropped: UInt64 = 0
  }

  /// The ends, `<name>a` and `<name>b`. They live as long as the engine.
  public let ends: (a: UnsafeMutablePointer<ifnet>, b: UnsafeMutablePointer<ifnet>)
  private let figures = (Figures(), Figures())

  // Each a counter of its own; relaxed.
  private final class Figures: Sendable {
    let sent = Atomic<UInt64>(0)
    let dropped = Atomic<UInt64>(0)
  }

  /// Makes a pair, up. nil when the engine has as many interfaces as it takes.
  ///
  /// - Parameter prepare: writes what else is to be in the ends when they are first seen.
  public init?(
    name: String, on engine: Engine, vnets: (UInt32, UInt32), mtu: UInt32,
    prepare: (_ a: UnsafeMutablePointer<ifnet>, _ b: UnsafeMutablePointer<ifnet>) -> Void
  ) {
    let relay = Relay()
    guard
      let a = unsafe engine.interfaces.make(
        name: name + "a", type: IFT_ATM, vnet: vnets.0, mtu: mtu, isHidden: true, output: relay),
      let b = unsafe engine.interfaces.make(
        name: name + "b", type: IFT_ATM, vnet: vnets.1, mtu: mtu, isHidden: true, output: relay)
    else { return nil }
    unsafe a.pointee.if_peer = unsafe b
    unsafe b.pointee.if_peer = unsafe a
    unsafe ends = unsafe (a, b)
    unsafe prepare(a, b)
    relay.pair = self
    unsafe engine.interfaces.publish(a)
    unsafe engine.interfaces.publish(b)
  }

  /// What an end did so far.
  public func statistics(of end: UnsafeMutablePointer<ifnet>) -> Statistics {
    let figures = unsafe figures(of: end)
    return Statistics(
      sent: figures.sent.load(ordering: .relaxed), dropped: figures.dropped.load(ordering: .relaxed))
  }

  /// Sends a frame to the other end. [any thread] Consumes `m`. 0, or what netisr_queue() returned.
  public func transmit(_ ifp: UnsafeMutablePointer<ifnet>, _ m: UnsafeMutablePointer<mbuf>) -> Int32 {
    let figures = unsafe figures(of: ifp)
    guard unsafe ifnet_flags(ifp) & UInt32(IFNET_UP) != 0, let peer = unsafe ifp.pointee.if_peer else {
      unsafe m_freem(m)
      figures.dropped.wrappingAdd(1, ordering: .relaxed)
      return ENETDOWN
    }
    unsafe m.pointee.m_pkthdr.rcvif = unsafe peer
    unsafe m.pointee.m_pkthdr.rcv_tstmp = netisr_time()
    unsafe m.pointee.m_pkthdr.rsstype = UInt8(M_HASHTYPE_NONE)
    let error = unsafe netisr_queue(UInt32(NETISR_NATM), m)
    if error == 0 {
      figures.sent.wrappingAdd(1, ordering: .relaxed)
    } else {
      figures.dropped.wrappingAdd(1, ordering: .relaxed)
    }
    return error
  }

  /// Nothing ever waits.
  public func start(_ ifp: UnsafeMutablePointer<ifnet>) -> UInt32 { 0 }

  private func figures(of end: UnsafeMutablePointer<ifnet>) -> Figures {
    unsafe end == ends.a ? figures.0 : figures.1
  }

  /// The registry keeps an interface's output for the engine's life; the pair itself may end earlier.
  private final class Relay: InterfaceOutput, @unchecked Sendable {
    // Set once, before the ends are known to anybody.
    weak var pair: CellPair?

    func transmit(_ ifp: UnsafeMutablePointer<ifnet>, _ m: UnsafeMutablePointer<mbuf>) -> Int32 {
      guard let pair else {
        unsafe m_freem(m)
        return ENETDOWN
      }
      return unsafe pair.transmit(ifp, m)
    }

    func start(_ ifp: UnsafeMutablePointer<ifnet>) -> UInt32 { 0 }
  }
}
