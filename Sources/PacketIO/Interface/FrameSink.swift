import CNetISR

/// Where an interface puts what it received: the engine, or a test.
public protocol FrameSink: AnyObject {
  /// Takes one packet over.  May wait until there is room; called on the thread that polls the interface.
  ///
  /// - Parameters:
  ///   - proto: the protocol number, NETISR_...
  ///   - source: the source word of netisr_dispatch_src().
  ///   - packet: a chain with packet header, whose receiving interface, time and lengths are set.  The sink owns it.
  func receive(proto: UInt32, source: UInt, packet: UnsafeMutablePointer<mbuf>)
}
