/// What a capture left out of a packet stays left out when headers are taken off.
extension Packet {
  /// Bytes at the end of the packet that were on the wire and were not captured.
  @inlinable
  public var missingCount: Int { wireCount &- count }

  /// Says how many bytes are missing at the end, after the packet's head or tail was trimmed.
  @inlinable
  public mutating func setMissingCount(_ missing: Int) {
    unsafe head.pointee.m_pkthdr.wirelen = UInt32(truncatingIfNeeded: count &+ missing)
  }
}
