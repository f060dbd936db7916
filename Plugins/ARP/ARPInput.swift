import NetISRPlugin

/// arp: learns who is where from what neighbours say (RFC 826, "Packet Reception").
///
/// A packet starts with the ARP header; bytes behind it are padding. Requests and replies teach alike: what the sender
/// says of itself replaces what was known of it, and is noted for the first time if the packet is meant for this
/// station, or if the interface only listens, where every packet is.
///
/// On interfaces that do not only listen, requests for this station's addresses are answered, other stations that claim
/// them are told off (`Addresses`), and packets that wait for the sender go out (`Resolution`). A packet with M_NEXTHOP is no
/// message, but one of IP's that is to be sent.
func arpInput(_ input: consuming Packet) {
  if let address = input.nextHopIPv4 { return unsafe resolution.send(input, to: IPv4Address(number: address)) }
  unsafe counters.received.add()
  let reach = input.count < ARPPacket.size ? input.count : ARPPacket.size
  guard let packet = input.contiguous(reach) else { return DropReason.noMemory.count() }

  do throws(DropReason) {
    try consider(packet)
  } catch {
    error.count()
  }
}

/// Counts what the packet is for, and learns from it if it is one of ours.
private func consider(_ packet: borrowing Packet) throws(DropReason) {
  try countOperation(packet.bytes)
  let message = try ARPPacket(packet.bytes)
  guard message.operation == Operation.request || message.operation == Operation.reply else { return }
  try learn(from: message, of: packet)
}

/// Counts the operation, whatever is wrong with the rest.
private func countOperation(_ bytes: RawSpan) throws(DropReason) {
  guard let header = ARPHeader(bytes) else { throw .badLength }
  switch header.operation {
  case Operation.request: unsafe counters.rxrequests.add()
  case Operation.reply: unsafe counters.rxreplies.add()
  default: unsafe counters.rxother.add()
  }
}

/// RFC 826's merge.
private func learn(from message: borrowing ARPPacket, of packet: borrowing Packet) throws(DropReason) {
  let sender = message.senderProtocol
  let link = message.senderHardware
  guard link.isStation else { throw .badAddress }
  let interface = packet.interface
  // A probe says nothing of its sender (RFC 5227, section 2.1.1).
  if sender == .unspecified && message.operation == Operation.request {
    unsafe counters.probes.add()
    if let interface, interface.speaksARP { answer(message, by: interface, vnet: packet.vnet) }
    return
  }
  guard sender.isHost else { throw .badAddress }

  if let interface, !interface.isMonitor, interface.hasIPv4(sender.number) {
    // From this station itself, come back to it, or from another one that claims the same address.
    if let own = interface.etherAddress, link == LinkAddress(number: own) { return }
    unsafe addresses.conflict(sender, with: link, by: interface, vnet: packet.vnet)
    throw .duplicateAddress
  }
  let key = NeighbourKey(sender, interface?.index ?? 0)
  let now = packet.moment
  let isForUs = interface.map { $0.isMonitor || $0.hasIPv4(message.targetProtocol.number) } ?? false
  if unsafe isForUs || neighbours.contains(key, at: now, vnet: packet.vnet) {
    let flags = message.operation == Operation.reply ? Neighbour.confirmedByReply : 0
    guard unsafe neighbours.learn(key, at: link, flags: flags, now: now, vnet: packet.vnet) else { throw .noRoom }
    unsafe resolution.release(key, to: link, vnet: packet.vnet)
  }
  if let interface, interface.speaksARP { answer(message, by: interface, vnet: packet.vnet) }
}

/// RFC 826: a request for an address of this station gets a reply, to its sender alone. A probe for one that this station is
/// probing for itself, too, is a conflict (RFC 5227, section 2.1.1).
private func answer(_ message: borrowing ARPPacket, by interface: Interface, vnet: UInt32) {
  let target = message.targetProtocol
  guard message.operation == Operation.request, interface.hasIPv4(target.number), let own = interface.etherAddress,
    message.senderHardware != LinkAddress(number: own)
  else { return }
  let key = NeighbourKey(target, interface.index)
  if unsafe addresses.mayUse(key, vnet: vnet) {
    let reply = OutgoingMessage(
      operation: Operation.reply, destination: message.senderHardware, sender: target,
      targetHardware: message.senderHardware, target: message.senderProtocol)
    _ = reply.send(by: interface)
  } else if unsafe message.senderProtocol == .unspecified && addresses.isProbing(key, vnet: vnet) {
    unsafe addresses.conflict(target, with: message.senderHardware, by: interface, vnet: vnet)
  }
}

/// Why a packet is refused.
enum DropReason: Error {
  case badLength
  case badHardwareType
  case badProtocolType
  case badAddress
  case duplicateAddress
  case noRoom
  case noMemory

  func count() {
    switch self {
    case .badLength: return unsafe counters.badlen.add()
    case .badHardwareType: unsafe counters.badhrd.add()
    case .badProtocolType: unsafe counters.badpro.add()
    case .badAddress: unsafe counters.badaddr.add()
    case .duplicateAddress: unsafe counters.dupip.add()
    case .noRoom: unsafe counters.full.add()
    case .noMemory: unsafe counters.nobufs.add()
    }
    unsafe counters.dropped.add()
  }
}
