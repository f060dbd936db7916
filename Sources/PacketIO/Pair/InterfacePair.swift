import CNetISR
import NetISR

/// Two interfaces joined back to back, after epair(4): what is sent into one comes out of the other, through
/// NETISR_EPAIR's queue.
///
/// A frame that finds that queue full waits in the sending end's own queue; what finds this one full, too, is
/// dropped and counted. The epair plugin, told that a queue was drained, calls if_start(), which moves on what waits. A
/// frame is put into the waiting queue before it is tried once more: either that succeeds, or the queue still holds
/// packets, whose draining will start this end again. So nothing is left waiting.
@safe
public final class InterfacePair: InterfaceOutput, @unchecked Sendable {
  /// What one end did.
  public struct Statistics: Sendable {
    /// Frames that went to the other end.
    public var sent: UInt64 = 0
    /// Frames that had to wait, of these.
    public var heldUp: UInt64 = 0
    /// Frames dropped because too many waited, or because nobody serves NETISR_EPAIR.
    public var dropped: UInt64 = 0
    /// Frames that wait now.
    public var waiting = 0
  }

  /// The ends, `<name>a` and `<name>b`. They live as long as the engine.
  public let ends: (a: UnsafeMutablePointer<ifnet>, b: UnsafeMutablePointer<ifnet>)

  private let engine: Engine
  private let limit: Int
  private let queues = (SendQueue(), SendQueue())

  /// Makes a pair, up. nil when the engine has as many interfaces as it takes.
  ///
  /// - Parameters:
  ///   - limit: frames that may wait at each end.
  ///   - model: an interface whose frames are sent through the pair: the ends are as it is, in their flags, clock and MTU.
  ///   - prepare: writes what else is to be in the ends when they are first seen.
  public init?(
    name: String, on engine: Engine, vnets: (UInt32, UInt32) = (0, 0), limit: Int = 256,
    model: UnsafeMutablePointer<ifnet>? = nil,
    prepare: (_ a: UnsafeMutablePointer<ifnet>, _ b: UnsafeMutablePointer<ifnet>) -> Void = { _, _ in }
  ) {
    self.engine = engine
    self.limit = limit
    let relay = Relay()
    guard
      let a = unsafe engine.interfaces.make(
        name: name + "a", type: IFT_EPAIR, vnet: vnets.0, isHidden: true, output: relay),
      let b = unsafe engine.interfaces.make(
        name: name + "b", type: IFT_EPAIR, vnet: vnets.1, isHidden: true, output: relay)
    else { return nil }
    unsafe a.pointee.if_peer = unsafe b
    unsafe b.pointee.if_peer = unsafe a
    unsafe ends = unsafe (a, b)
    if let model = unsafe model {
      unsafe [a, b].forEach { end in
        unsafe end.pointee.if_flags = unsafe model.pointee.if_flags
        unsafe end.pointee.if_clock = unsafe model.pointee.if_clock
        unsafe end.pointee.if_mtu = unsafe model.pointee.if_mtu
      }
    }
    unsafe prepare(a, b)
    relay.pair = self
    unsafe engine.interfaces.publish(a)
    unsafe engine.interfaces.publish(b)
  }

  deinit {
    // Nobody calls any more: the relay has let go of this pair.
    engine.withAttachedThread {
      for queue in [queues.0, queues.1] {
        while let m = unsafe queue.frames.removeFirst() { unsafe m_freem(m) }
      }
    }
  }

  /// What an end did so far.
  public func statistics(of end: UnsafeMutablePointer<ifnet>) -> Statistics {
    let queue = unsafe queue(of: end)
    return queue.lock.withLock { queue.statistics }
  }

  /// Sends a frame to the other end. [any thread] Consumes `m`. 0, ENOBUFS, or what netisr_queue() returned.
  public func transmit(_ ifp: UnsafeMutablePointer<ifnet>, _ m: UnsafeMutablePointer<mbuf>) -> Int32 {
    let queue = unsafe queue(of: ifp)
    return queue.lock.withLock {
      // Crossing over: from here on it is a frame received by the peer, and its flow is for the peer's protocols to tell.
      unsafe m.pointee.m_pkthdr.rcvif = unsafe ifp.pointee.if_peer
      unsafe m.pointee.m_pkthdr.rsstype = UInt8(M_HASHTYPE_NONE)
      if queue.frames.isEmpty {
        let error = unsafe offer(m, queue)
        if error != EAGAIN { return error }
      }
      guard queue.frames.count < limit else {
        queue.figures.dropped += 1
        unsafe m_freem(m)
        return ENOBUFS
      }
      unsafe queue.frames.append(m)
      queue.figures.heldUp += 1
      _ = drain(queue)
      return 0
    }
  }

  /// Sends what waits, as far as it goes. [any thread] Returns how many frames moved.
  public func start(_ ifp: UnsafeMutablePointer<ifnet>) -> UInt32 {
    let queue = unsafe queue(of: ifp)
    return queue.lock.withLock { drain(queue) }
  }

  private func queue(of end: UnsafeMutablePointer<ifnet>) -> SendQueue {
    unsafe end == ends.a ? queues.0 : queues.1
  }

  private func drain(_ queue: SendQueue) -> UInt32 {
    var moved: UInt32 = 0
    // Taken out first: once the engine has it, it may be freed at any time.
    while let m = unsafe queue.frames.removeFirst() {
      if unsafe offer(m, queue) == EAGAIN {
        unsafe queue.frames.putBack(m)
        break
      }
      moved += 1
    }
    return moved
  }

  private func offer(_ m: UnsafeMutablePointer<mbuf>, _ queue: SendQueue) -> Int32 {
    let error = unsafe engine.offer(proto: UInt32(NETISR_EPAIR), source: 0, packet: m)
    switch error {
    case 0: queue.figures.sent += 1
    case EAGAIN: break
    default: queue.figures.dropped += 1
    }
    return error
  }

  /// The registry keeps an interface's output for the engine's life; the pair itself may end earlier.
  private final class Relay: InterfaceOutput, @unchecked Sendable {
    // Set once, before the ends are known to anybody.
    weak var pair: InterfacePair?

    func transmit(_ ifp: UnsafeMutablePointer<ifnet>, _ m: UnsafeMutablePointer<mbuf>) -> Int32 {
      guard let pair else {
        unsafe m_freem(m)
        return ENETDOWN
      }
      return unsafe pair.transmit(ifp, m)
    }

    func start(_ ifp: UnsafeMutablePointer<ifnet>) -> UInt32 {
      unsafe pair?.start(ifp) ?? 0
    }
  }
}
