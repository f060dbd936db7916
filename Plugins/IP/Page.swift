import NetISRPlugin

/// A page of a datagram's payload: an mbuf with a cluster, and a bit for each block of eight bytes that is there.
///
/// The bits lie in the packet header's private words: 192 of them, for 1,536 of the cluster's 2,048 bytes. The rest of the
/// cluster is the price for needing no other memory.
///
/// Invariant: `page` has M_PKTHDR, and a cluster of its own; whoever made it holds it.
@safe
struct Page {
  /// Bytes.
  static let size = 1536
  /// Bytes of a block: the unit of fragment offsets (RFC 791, section 3.1).
  private static let blockSize = 8

  private let page: UnsafeMutablePointer<mbuf>

  init(_ page: UnsafeMutablePointer<mbuf>) {
    unsafe self.page = page
  }

  /// Copies the blocks that are not there yet from `offset` of a packet to `position`, a multiple of 8; how many these were.
  /// Only the datagram's last block may be less than whole. position + count is at most `size`, and the packet has
  /// that much.
  func fill(at position: Int, count: Int, from packet: borrowing Packet, at offset: Int) -> Int {
    let stop = (position &+ count &+ 7) / Self.blockSize
    var block = position / Self.blockSize
    var new = 0
    while block < stop {
      // A run of blocks that are all there, or all not, inside of one word of bits. At most `stop` is 192: word 2.
      let shift = UInt64(block & 63)
      let bits = self.bits(block >> 6) >> shift
      let isThere = bits & 1 != 0
      let same = (isThere ? ~bits : bits).trailingZeroBitCount
      let run = min(same, 64 &- Int(shift), stop &- block)
      if !isThere {
        let start = block &* Self.blockSize
        let end = min((block &+ run) &* Self.blockSize, position &+ count)
        copy(from: packet, at: offset &+ (start &- position), to: start, count: end &- start)
        set((run == 64 ? UInt64.max : (1 << UInt64(run)) &- 1) << shift, in: block >> 6)
        new &+= run
      }
      block &+= run
    }
    return new
  }

  /// Bytes that are there from the page's beginning up to the first gap; the datagram's last block counts whole.
  var countFromStart: Int {
    var blocks = 0
    for word in 0..<3 {
      let run = (~bits(word)).trailingZeroBitCount
      blocks &+= run
      if run < 64 { break }
    }
    return blocks &* Self.blockSize
  }

  /// A word of the bits.
  private func bits(_ word: Int) -> UInt64 {
    switch word {
    case 0: unsafe page.pointee.m_pkthdr.ph_loc.0
    case 1: unsafe page.pointee.m_pkthdr.ph_loc.1
    default: unsafe page.pointee.m_pkthdr.ph_loc.2
    }
  }

  private func set(_ mask: UInt64, in word: Int) {
    switch word {
    case 0: unsafe page.pointee.m_pkthdr.ph_loc.0 |= mask
    case 1: unsafe page.pointee.m_pkthdr.ph_loc.1 |= mask
    default: unsafe page.pointee.m_pkthdr.ph_loc.2 |= mask
    }
  }

  private func copy(from packet: borrowing Packet, at offset: Int, to position: Int, count: Int) {
    // In bounds: position + count <= size < MCLBYTES, and m_data is the beginning of the cluster.
    var span = unsafe MutableRawSpan(_unsafeStart: page.pointee.m_data + position, byteCount: count)
    _ = packet.copyBytes(from: offset, to: &span)
  }
}
