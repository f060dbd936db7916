import CNetISR

/// Chains of mbufs, in pieces of any length.
enum TrialPacket {
  /// A packet with these bytes, which the caller owns; nil when memory ran out.
  ///
  /// - Parameter piece: bytes in each mbuf but the last; 0: as few mbufs as it takes.
  static func chain(_ bytes: [UInt8], piece: Int) -> UnsafeMutablePointer<mbuf>? {
    guard piece > 0 else {
      guard let m = unsafe m_getcl(M_NOWAIT, MT_DATA, Int32(M_PKTHDR)) else { return nil }
      return unsafe append(bytes[...], to: m)
    }
    var head: UnsafeMutablePointer<mbuf>?
    var last: UnsafeMutablePointer<mbuf>?
    var rest = bytes[...]
    repeat {
      // m_append fills what room there is: so each piece is a packet at first.
      guard let empty = unsafe m_getcl(M_NOWAIT, MT_DATA, Int32(M_PKTHDR)),
        let part = unsafe append(rest.prefix(piece), to: empty)
      else {
        unsafe m_freem(head)
        return nil
      }
      rest = rest.dropFirst(piece)
      if let first = unsafe head {
        unsafe last!.pointee.m_next = part
        unsafe part.pointee.m_flags &= ~UInt32(M_PKTHDR)
        unsafe first.pointee.m_pkthdr.len += unsafe part.pointee.m_len
      } else {
        unsafe head = part
      }
      unsafe last = part
    } while !rest.isEmpty
    return unsafe head
  }

  /// Consumes `m` when memory runs out.
  private static func append(
    _ bytes: ArraySlice<UInt8>, to m: UnsafeMutablePointer<mbuf>
  ) -> UnsafeMutablePointer<mbuf>? {
    guard !bytes.isEmpty else { return unsafe m }
    let isDone = unsafe bytes.withUnsafeBytes { buffer in
      // Not empty: it has an address.
      unsafe m_append(m, Int32(buffer.count), buffer.baseAddress!.assumingMemoryBound(to: CChar.self)) == 1
    }
    if isDone { return unsafe m }
    unsafe m_freem(m)
    return nil
  }
}
