/// Reading values out of a packet that lies in pieces, for protocols whose messages can be longer than what
/// `contiguous(_:)` brings together.
extension Packet {
  /// The value at `offset`, byte by byte as it lies there; nil when the packet is shorter. `initial` only says the
  /// type.
  @inlinable
  public func load<Value: BitwiseCopyable>(at offset: Int, initial: Value) -> Value? {
    let size = MemoryLayout<Value>.size
    guard offset >= 0, size <= count, offset <= count &- size else { return nil }
    var value = initial
    // `value` has `size` bytes, and any bytes are a value of a trivial type of the callers here: integers and their
    // arrays.
    let error = unsafe withUnsafeMutableBytes(of: &value) { bytes in
      unsafe m_copydata(head, Int32(truncatingIfNeeded: offset), Int32(truncatingIfNeeded: size), bytes.baseAddress)
    }
    return error == 0 ? value : nil
  }
}

extension Packet {
  /// Shows every piece of the packet to `body`, front to back.
  @inlinable
  public func forEachPiece(_ body: (RawSpan) -> Void) {
    var piece: UnsafeMutablePointer<mbuf>? = unsafe head
    while let current = unsafe piece {
      // m_data points to m_len bytes of a chain that this packet owns.
      unsafe body(
        RawSpan(_unsafeStart: UnsafeRawPointer(current.pointee.m_data), byteCount: Int(current.pointee.m_len)))
      unsafe piece = current.pointee.m_next
    }
  }
}
