import CNetISR
import NetISR
import PacketIO

/// Follows what an interface received through an engine, packet by packet.
final class FrameFollower: FrameSink {
  private let observer: PacketObserver
  /// The way of what came in since `clear`.
  private(set) var steps: [PacketStep] = []
  /// The protocol that it came in by.
  private(set) var entry: UInt32?

  init(_ observer: PacketObserver) {
    self.observer = observer
  }

  /// Forgets.
  func clear() {
    steps = []
    entry = nil
  }

  func receive(proto: UInt32, source: UInt, packets: UnsafeMutableBufferPointer<UnsafeMutablePointer<mbuf>?>) {
    entry = proto
    for index in packets.indices {
      // No packet of a sink's is NULL.
      unsafe steps += observer.follow(proto: proto, source: source, packet: packets[index]!)
    }
  }
}
