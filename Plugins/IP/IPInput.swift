import NetISRPlugin

/// ip: checks the header (RFC 791), puts fragments together, and hands whole datagrams to the layer above; or forwards the
/// packet; or, of one that was made in this host, sends it.
func ipInput(_ packet: consuming Packet) {
  if packet.flags & (M_LOCALOUT | M_NEXTHOP) != 0 {
    return packet.isLocalOutput ? ipOutput(packet) : ipUndelivered(packet)
  }
  unsafe counters.total.add()
  do throws(DropReason) {
    try receive(packet)
  } catch {
    error.count()
  }
}

private func receive(_ input: consuming Packet) throws(DropReason) {
  var packet = input
  let header = try checkedHeader(of: packet)
  // Bytes behind the datagram are the link's padding.
  packet.truncate(to: header.totalLength)
  let recipient: Recipient
  if header.length > IPHeader.size {
    unsafe counters.options.add()
    let options = try checkedOptions(of: packet, header)
    recipient = try findRecipient(of: packet, header)
    if case .elsewhere(let match) = recipient { return try forward(packet, header, options, match) }
    // Local, but only a station on the way.
    if options.isSourceRouted, let interface = packet.interface, !interface.isMonitor {
      ICMPError.unreachable(.sourceRouteFailed).send(about: packet, header)
      throw .cantForward
    }
  } else {
    recipient = try findRecipient(of: packet, header)
    if case .elsewhere(let match) = recipient { return try forward(packet, header, IPOptions(), match) }
  }
  if case .many = recipient { packet.flags |= manyFlag }
  guard header.isFragment else { return deliver(packet, header) }

  unsafe counters.fragments.add()
  guard let whole = unsafe reassembly.add(packet, header), let wholeHeader = IPHeader(of: whole) else { return }
  unsafe counters.reassembled.add()
  deliver(whole, wholeHeader)
}

/// The options, when they are right. Whoever sent others is told where they are wrong (RFC 1122, section 3.2.2.5).
@inline(never)
private func checkedOptions(of packet: borrowing Packet, _ header: IPHeader) throws(DropReason) -> IPOptions {
  do throws(IPOptions.Problem) {
    return try IPOptions(of: packet, header)
  } catch {
    ICMPError.parameterProblem(at: error.offset).send(about: packet, header)
    throw .badOptions
  }
}

/// The header, when all of it is there and right: the first check that fails names the reason. The order is FreeBSD's: a
/// length is believed only after the checksum.
///
/// A capture may hold only the beginning of a packet. What is missing there was on the wire: the packet is as good as its
/// length on the wire says, and goes on cut.
///
/// Inlined: the header then stays in registers.
@inline(__always)
private func checkedHeader(of packet: borrowing Packet) throws(DropReason) -> IPHeader {
  guard let header = IPHeader(of: packet) else { throw .tooShort }
  guard header.version == 4 else { throw .badVersion }
  guard header.length >= IPHeader.size, header.length <= packet.wireCount else { throw .badHeaderLength }
  guard header.length <= packet.count else { throw .tooShort }
  if !packet.isHeaderChecksumVerified {
    var checksum = header.sum
    if header.length > IPHeader.size {
      packet.add(from: IPHeader.size, count: header.length &- IPHeader.size, to: &checksum)
    }
    guard checksum.value == 0 else { throw .badChecksum }
  }
  guard header.totalLength >= header.length, header.totalLength <= packet.wireCount else { throw .badLength }
  return header
}

/// Marks a packet that came to many stations at once, by its network-layer address.
var manyFlag: UInt32 { M_PROTO2 }
