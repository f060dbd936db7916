import CNetISR
import NetISR
import PacketIO

/// Hands a capture's packets to the engine of the calling thread.
///
/// A capture is read faster than it was recorded, and its time is its own: packets minutes apart could wait in queues
/// side by side, and one worker, ahead of another, would let time run out for what the other is about to complete.
/// Live traffic never does that. So where one is given, `settle` is called before time leaps, and returns when all
/// that was sent before is handled.
final class EngineSink: FrameSink {
  /// The most by which times of packets that are queued together differ, in nanoseconds. Far below any protocol's timeout.
  private static let window: UInt64 = 1_000_000_000

  private let settle: (() -> Void)?
  /// Where Ethernet frames are sent into, instead of being received.
  private let pair: InterfacePair?
  private var origin: UInt64 = 0

  init(settle: (() -> Void)?, pair: InterfacePair? = nil) {
    self.settle = settle
    self.pair = pair
  }

  /// Packets of one time. What goes into a pair goes alone: who handles it there may never come back.
  func admit(proto: UInt32, packets: UnsafeMutableBufferPointer<UnsafeMutablePointer<mbuf>?>) -> Int {
    if let settle, unsafe !isNow(packets[0]) {
      settle()
      // No packet of a sink's is NULL.
      unsafe origin = packets[0]!.pointee.m_pkthdr.rcv_tstmp
      // What time ran out for comes before the packets of the new time.
      unsafe tellTime(of: packets[0]!)
      settle()
    }
    if pair != nil, proto == UInt32(NETISR_ETHER) { return 1 }
    guard settle != nil else { return packets.count }
    return unsafe packets.firstIndex { unsafe !isNow($0) } ?? packets.count
  }

  /// Whether a packet is of the time that what is queued is of.
  private func isNow(_ m: UnsafeMutablePointer<mbuf>?) -> Bool {
    // As above.
    let time = unsafe m!.pointee.m_pkthdr.rcv_tstmp
    return max(time, origin) - min(time, origin) <= Self.window
  }

  /// Moves the clock of a packet's interface, which is the capture's.
  private func tellTime(of m: UnsafeMutablePointer<mbuf>) {
    guard let clock = unsafe m.pointee.m_pkthdr.rcvif?.pointee.if_clock, clock != 0 else { return }
    unsafe Engine.current?.engine.advanceClock(clock, to: m.pointee.m_pkthdr.rcv_tstmp)
  }

  func receive(proto: UInt32, source: UInt, packets: UnsafeMutableBufferPointer<UnsafeMutablePointer<mbuf>?>) {
    unsafe tellTime(of: packets[0]!)
    // Consumed on every path; a drop is counted by the pair, or by the engine.
    if let pair, proto == UInt32(NETISR_ETHER) {
      for index in packets.indices { unsafe _ = if_transmit(pair.ends.a, packets[index]) }
    } else {
      unsafe _ = netisr_dispatch_batch(proto, source, packets.baseAddress, UInt32(packets.count))
    }
  }
}
