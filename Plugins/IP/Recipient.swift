import NetISRPlugin

/// For whom a packet is.
enum Recipient {
  /// This host, alone.
  case host
  /// This host, among others: nobody is told of errors.
  case many
  /// Another host; what "ip.onlink" says of it.
  case elsewhere(OnLinkTable.Match?)
}

/// For whom the packet is; the reason to drop it when its addresses must not be seen on a wire.
///
/// An interface that only listens takes everything: what it hears is traffic of others, and the addresses' rules were
/// theirs to keep. Elsewhere the address of any interface of the stack will do (the weak model of RFC 1122, section
/// 3.3.4.2), and so will the receiving interface's broadcasts and every group.
func findRecipient(of packet: borrowing Packet, _ header: IPHeader) throws(DropReason) -> Recipient {
  guard let interface = packet.interface else { return .host }
  if interface.isMonitor { return .host }
  // A switch that does not know better, or an interface that takes all.
  guard packet.flags & M_PROMISC == 0 else { throw .otherHost }

  let (source, destination) = (header.source, header.destination)
  // RFC 1122, section 3.2.1.3: what must not be sent.
  guard !IPAddress.isGroup(source), source != IPAddress.broadcast else { throw .badAddress }
  guard
    interface.type == UInt32(IFT_LOOP) || !(IPAddress.isLoopback(source) || IPAddress.isLoopback(destination))
  else { throw .badAddress }
  // This host's own packets don't come in by a wire.
  guard packet.flags & loopedFlag != 0 || !interface.hasIPv4(source) else { throw .badAddress }

  if interface.hasIPv4(destination) { return .host }
  // 0.0.0.0 is what hosts of 4.2BSD broadcast to (RFC 1122, section 3.3.6).
  if IPAddress.isGroup(destination) || destination == IPAddress.broadcast || destination == 0 { return .many }
  if interface.isIPv4Broadcast(destination) { return .many }
  let match = unsafe onLink.match(destination, vnet: interface.vnet)
  if let match, match.value.kind == OnLink.Kind.own { return .host }
  return .elsewhere(match)
}
