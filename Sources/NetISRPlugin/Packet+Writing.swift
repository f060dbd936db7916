/// Writing a number where it may lie across the pieces of a packet.
extension Packet {
  /// Writes two bytes in network order at `offset`; the packet's storage is not shared (`writable()`). False, and nothing is
  /// written, when the packet is shorter.
  @inlinable @discardableResult
  public mutating func store(_ value: UInt16, at offset: Int) -> Bool {
    guard offset >= 0, offset <= count - 2 else { return false }
    var bytes = value.bigEndian
    return unsafe m_copyback(head, Int32(truncatingIfNeeded: offset), 2, &bytes) == 0
  }
}
