import CNetISR

/// Makes the mbuf chain of a delivery.
enum PacketBuilder {
  /// A chain with a copy of the delivery's bytes, or nil when there was no memory for all of them.
  ///
  /// - Parameters:
  ///   - frame: the frame that `delivery` was made of.
  ///   - timestamp: nanoseconds since the epoch, by the clock of the interface.
  ///   - interface: the receiving interface, which outlives the packet.
  /// - Returns: the chain, which the caller owns.
  static func packet(
    _ delivery: Delivery, of frame: RawSpan, timestamp: UInt64, interface: UnsafeMutablePointer<ifnet>
  ) -> UnsafeMutablePointer<mbuf>? {
    guard let packet = unsafe m_getcl(M_NOWAIT, MT_DATA, Int32(M_PKTHDR)) else { return nil }
    // `packet` is a fresh chain of ours, and all pointers below are good for the counts given with them.
    let whole =
      unsafe delivery.prefix.withUnsafeBytes { unsafe append($0, delivery.prefix.count, to: packet) }
      && frame.extracting(delivery.body).withUnsafeBytes {
        unsafe append($0.baseAddress, $0.count, to: packet)
      }
    guard whole else {
      unsafe m_freem(packet)
      return nil
    }
    unsafe packet.pointee.m_flags |= delivery.flags
    unsafe packet.pointee.m_pkthdr.rcvif = interface
    unsafe packet.pointee.m_pkthdr.rcv_tstmp = timestamp
    unsafe packet.pointee.m_pkthdr.wirelen = UInt32(clamping: max(delivery.wireLength, delivery.count))
    return unsafe packet
  }

  /// Appends a copy; m_append() keeps m_pkthdr.len right.
  private static func append(
    _ bytes: UnsafeRawPointer?, _ count: Int, to packet: UnsafeMutablePointer<mbuf>
  ) -> Bool {
    guard count > 0, let bytes = unsafe bytes else { return true }
    return unsafe m_append(packet, Int32(clamping: count), bytes.assumingMemoryBound(to: CChar.self)) == 1
  }
}
