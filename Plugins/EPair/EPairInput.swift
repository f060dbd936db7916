import NetISRPlugin

/// epair: a pair of interfaces joined back to back, after epair(4). What is sent into one end comes out at the other.
///
/// The host has already crossed over: it set the receiving interface to the other end when the frame was sent, and
/// put the frame into this protocol's queue. That queue is the wire: it takes the frame from the sender's thread to the
/// pair's CPU, so that two protocols that answer each other don't grow one stack.
func epairInput(_ frame: consuming Packet) {
  guard let interface = frame.interface, interface.isPairEnd else { return unsafe counters.drops.add() }
  unsafe counters.packets.add()
  frame.dispatch(to: NETISR_ETHER)
}

extension Interface {
  /// This is one end of a pair.
  var isPairEnd: Bool { type == UInt32(IFT_EPAIR) }
}
