import CNetISR

/// Where an interface puts what it received: the engine, or a test.
public protocol FrameSink: AnyObject {
  /// Takes packets over that came in one after another. May wait until there is room; called on the thread that polls
  /// the interface.
  ///
  /// - Parameters:
  ///   - proto: the protocol number of all of them, NETISR_...
  ///   - source: the source word of netisr_dispatch_src().
  ///   - packets: at least one chain with packet header, whose receiving interface, time and lengths are set; none is
  ///     NULL. The sink owns the chains, and may read and change the buffer during the call.
  func receive(proto: UInt32, source: UInt, packets: UnsafeMutableBufferPointer<UnsafeMutablePointer<mbuf>?>)
}
