import CNetISR

#if canImport(Glibc)
  import Glibc
#endif

/// Makes the mbuf chain of a delivery.
enum PacketBuilder {
  /// A chain with a copy of the delivery's bytes, or nil when there was no memory for all of them.
  ///
  /// - Parameters:
  ///   - frame: the frame that `delivery` was made of.
  ///   - timestamp: nanoseconds since the epoch, by the clock of the interface.
  ///   - interface: the receiving interface, which outlives the packet.
  /// - Returns: the chain, which the caller owns.
  @inline(__always)
  static func packet(
    _ delivery: Delivery, of frame: RawSpan, timestamp: UInt64, interface: UnsafeMutablePointer<ifnet>
  ) -> UnsafeMutablePointer<mbuf>? {
    let count = delivery.count
    // Most packets fit into one piece, the short ones into the mbuf itself.
    let made =
      unsafe count <= Int(MLEN) ? m_gethdr(M_NOWAIT, MT_DATA) : m_getcl(M_NOWAIT, MT_DATA, Int32(M_PKTHDR))
    guard let packet = unsafe made else { return nil }
    if count <= Int(MCLBYTES) {
      unsafe fill(packet, delivery, frame)
    } else if unsafe !append(delivery, frame, to: packet) {
      unsafe m_freem(packet)
      return nil
    }
    unsafe packet.pointee.m_flags |= delivery.flags
    unsafe packet.pointee.m_pkthdr.ether_vtag = delivery.tag
    unsafe packet.pointee.m_pkthdr.csum_flags = delivery.checksum
    unsafe packet.pointee.m_pkthdr.rcvif = interface
    unsafe packet.pointee.m_pkthdr.rcv_tstmp = timestamp
    unsafe packet.pointee.m_pkthdr.wirelen = UInt32(clamping: max(delivery.wireLength, count))
    return unsafe packet
  }

  /// Copies into the one piece of a fresh packet, which has the room.
  @inline(__always)
  private static func fill(_ packet: UnsafeMutablePointer<mbuf>, _ delivery: Delivery, _ frame: RawSpan) {
    let data = unsafe UnsafeMutableRawPointer(packet.pointee.m_data!)
    let prefix = delivery.prefix.count
    if prefix > 0 { unsafe delivery.prefix.withUnsafeBytes { unsafe _ = memcpy(data, $0, prefix) } }
    unsafe frame.extracting(delivery.body).withUnsafeBytes { body in
      if let base = body.baseAddress { unsafe _ = memcpy(data + prefix, base, body.count) }
    }
    unsafe packet.pointee.m_len = Int32(delivery.count)
    unsafe packet.pointee.m_pkthdr.len = Int32(delivery.count)
  }

  /// Copies into a chain as long as it has to be; false when memory runs out. m_append() keeps m_pkthdr.len right.
  @inline(never)
  private static func append(
    _ delivery: Delivery, _ frame: RawSpan, to packet: UnsafeMutablePointer<mbuf>
  ) -> Bool {
    // All pointers are good for the counts given with them.
    unsafe delivery.prefix.withUnsafeBytes { unsafe append($0, delivery.prefix.count, to: packet) }
      && frame.extracting(delivery.body).withUnsafeBytes {
        unsafe append($0.baseAddress, $0.count, to: packet)
      }
  }

  private static func append(
    _ bytes: UnsafeRawPointer?, _ count: Int, to packet: UnsafeMutablePointer<mbuf>
  ) -> Bool {
    guard count > 0, let bytes = unsafe bytes else { return true }
    return unsafe m_append(packet, Int32(clamping: count), bytes.assumingMemoryBound(to: CChar.self)) == 1
  }
}
