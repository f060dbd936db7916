import NetISRPlugin

/// route: follows a host's links, addresses, routes and neighbours by its rtnetlink messages (RFC 3549; rtnetlink(7)).
///
/// A packet holds one message or several. What the kernel says, in notifications and in answers to dumps, is
/// believed; what somebody asks of the kernel (NLM_F_REQUEST) is not: it may refuse. One system is described in each
/// vnet: indices of interfaces are that system's.
func routeInput(_ packet: consuming Packet) {
  let order = ByteOrder(of: packet)
  var offset = 0
  repeat {
    let message: NetlinkMessage
    do throws(DropReason) {
      message = try NetlinkMessage(packet, at: offset, order)
    } catch {
      // Without this length nobody knows where the next message begins.
      return error.count()
    }
    unsafe counters.messages.add()
    unsafe counters.types[message.type].add()
    messageInput(message, packet)
    offset = message.next
  } while offset < packet.count
}

/// One message.
private func messageInput(_ message: NetlinkMessage, _ packet: borrowing Packet) {
  do throws(DropReason) {
    switch message.type {
    case MessageType.newLink, MessageType.delLink, MessageType.newAddress, MessageType.delAddress,
      MessageType.newRoute, MessageType.delRoute, MessageType.newNeighbour, MessageType.delNeighbour:
      guard !message.isRequest else { return unsafe counters.requests.add() }
      turn.take()
      defer { turn.pass() }
      let change = try change(by: message, packet)
      change.count()
      if change != .absent { unsafe subscribers.tell(message, packet) }
    case MessageType.getRoute:
      try lookUp(message, packet)
    default: break
    }
  } catch {
    error.count()
  }
}

/// What a message of the kernel changes. The whole message is read before anything is changed.
private func change(by message: NetlinkMessage, _ packet: borrowing Packet) throws(DropReason) -> Change {
  let time = packet.timestamp
  let vnet = packet.vnet
  switch message.type {
  case MessageType.newLink: return try LinkMessage(message, packet).add(at: time, vnet: vnet)
  case MessageType.delLink: return try LinkMessage(message, packet).remove(message, at: time, vnet: vnet)
  case MessageType.newAddress: return try AddressMessage(message, packet).add(at: time, vnet: vnet)
  case MessageType.delAddress: return try AddressMessage(message, packet).remove(at: time, vnet: vnet)
  case MessageType.newNeighbour: return try NeighbourMessage(message, packet).add(at: time, vnet: vnet)
  case MessageType.delNeighbour: return try NeighbourMessage(message, packet).remove(at: time, vnet: vnet)
  case MessageType.newRoute: return try RouteMessage(message, packet).add(message, packet)
  default: return try RouteMessage(message, packet).remove(packet)
  }
}

/// A question where a destination leads to: looked up in the tables as they are. Nothing is answered: the kernel does.
private func lookUp(_ message: NetlinkMessage, _ packet: borrowing Packet) throws(DropReason) {
  guard message.isRequest, !message.isDump else { return }
  let question = try RouteMessage(message, packet)
  guard let destination = question.destination else { return }
  unsafe counters.lookups.add()
  if !Selection.covers(destination, question.family, vnet: packet.vnet) { unsafe counters.misses.add() }
}
