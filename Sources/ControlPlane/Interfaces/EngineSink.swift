import CNetISR
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
  private var origin: UInt64 = 0

  init(settle: (() -> Void)?) {
    self.settle = settle
  }

  func receive(proto: UInt32, source: UInt, packet: UnsafeMutablePointer<mbuf>) {
    if let settle {
      let time = unsafe packet.pointee.m_pkthdr.rcv_tstmp
      if max(time, origin) - min(time, origin) > Self.window {
        settle()
        origin = time
      }
    }
    // Consumed on every path; a drop is counted by the engine.
    unsafe _ = netisr_dispatch_src(proto, source, packet)
  }
}
