import NetISRPlugin

/// Handlers that get every change as a packet: the routing socket's loopback (route(4)). A packet is the message by which
/// the change was made (rtnetlink(7)), alone, from the interface that it came by.
///
/// They are told through their queues, so that a handler that tells route something in its turn is not waited for by
/// itself. One whose queue is full loses the change, and finds in its subscription how many it lost.
struct Subscribers {
  private var subscriptions = RouteSubscriptions()

  init() {}

  init(opening _: Void) throws(Errno) {
    subscriptions = try RouteSubscriptions(opening: ())
  }

  /// Hands a message that has changed something to all of them.
  func tell(_ message: NetlinkMessage, _ packet: borrowing Packet) {
    guard !subscriptions.isEmpty else { return }
    for proto in 1..<NETISR_MAXPROT where proto != NETISR_ROUTE && subscriptions.contains(proto) {
      guard netisr_serves(UInt32(proto)) != 0 else { continue }
      if !send(message, packet, to: proto) {
        unsafe counters.lost.add()
        subscriptions.noteLoss(of: proto)
      }
    }
  }

  private func send(_ message: NetlinkMessage, _ packet: borrowing Packet, to proto: Int32) -> Bool {
    guard var copy = packet.copy() else { return false }
    copy.setArrival(of: packet)
    // Header and body; the message was found inside of the packet.
    copy.truncate(to: message.end)
    copy.removeFirst(message.start &- NetlinkMessage.headerSize)
    return copy.queue(to: proto) == 0
  }
}

/// Opened once, during registration, before any packet.
@exclusivity(unchecked) nonisolated(unsafe) var subscribers = Subscribers()
