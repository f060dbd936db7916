import CNetISR

/// Where an interface puts what it received: the engine, or a test.
public protocol FrameSink: AnyObject {
  /// How many packets, of those from the front, may be handed over together: at least one. Asked before each `receive`,
  /// and may wait until there is room, or the time has come; called on the thread that polls the interface.
  ///
  /// - Parameters: as of `receive`.
  func admit(proto: UInt32, packets: UnsafeMutableBufferPointer<UnsafeMutablePointer<mbuf>?>) -> Int

  /// Takes packets over that came in one after another; called on the thread that polls the interface.
  ///
  /// - Parameters:
  ///   - proto: the protocol number of all of them, NETISR_...
  ///   - source: the source word of netisr_dispatch_src().
  ///   - packets: at least one chain with packet header, whose receiving interface, time and lengths are set; none is
  ///     NULL. The sink owns the chains, and may read and change the buffer during the call.
  func receive(proto: UInt32, source: UInt, packets: UnsafeMutableBufferPointer<UnsafeMutablePointer<mbuf>?>)
}

extension FrameSink {
  /// All of them.
  public func admit(proto: UInt32, packets: UnsafeMutableBufferPointer<UnsafeMutablePointer<mbuf>?>) -> Int {
    packets.count
  }
}
