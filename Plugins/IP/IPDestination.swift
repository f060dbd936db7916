import NetISRPlugin

/// Whether the packet is for this host.
///
/// An interface that only listens takes everything: what it hears is traffic of others, and the addresses' rules were
/// theirs to keep. Elsewhere the address of any interface of the stack will do (the weak model of RFC 1122, section
/// 3.3.4.2), and so will the receiving interface's broadcasts and every group.
func checkDestination(
  of packet: borrowing Packet, _ header: IPHeader, isSourceRouted: Bool
) throws(DropReason) {
  guard let interface = packet.interface else { return }
  if interface.isMonitor { return }

  // RFC 1122, section 3.2.1.3: what must not be sent.
  guard !isGroup(header.source), header.source != broadcast else { throw .badAddress }
  guard interface.type == UInt32(IFT_LOOP) || !(isLoopback(header.source) || isLoopback(header.destination)) else {
    throw .badAddress
  }
  guard isLocal(header.destination, at: interface) else { throw .cantForward }
  // Local, but only a station on the way.
  guard !isSourceRouted else { throw .cantForward }
}

/// 255.255.255.255.
private let broadcast: UInt32 = 0xffff_ffff

private func isGroup(_ address: UInt32) -> Bool { address >> 28 == 0xe }

private func isLoopback(_ address: UInt32) -> Bool { address >> 24 == 127 }

private func isLocal(_ address: UInt32, at interface: Interface) -> Bool {
  // 0.0.0.0 is what hosts of 4.2BSD broadcast to (RFC 1122, section 3.3.6).
  if isGroup(address) || address == broadcast || address == 0 { return true }
  if interface.hasIPv4(address) || interface.isIPv4Broadcast(address) { return true }
  var index: UInt32 = 1
  let last = ifnet_maxindex()
  while index <= last {
    if let other = Interface(index: index), other.vnet == interface.vnet, other.hasIPv4(address) {
      return true
    }
    index &+= 1
  }
  return false
}
