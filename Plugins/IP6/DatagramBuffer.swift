import NetISRPlugin

/// The memory of a datagram that waits: at most 34 mbufs, however many fragments it comes in.
///
/// The data are copied into clusters, each for its 2,048 bytes of the datagram and taken when something comes for them: tiny
/// fragments do not keep the clusters that they came in. Besides there are the map of what is here (`FragmentMap`), and the
/// unfragmentable part of the first fragment.
///
/// Invariant: every mbuf named here hangs, by m_next, on `held.th_chain`, which is the map's; pieces have a cluster each, all
/// of whose bytes may be written. The memory is the host's and is freed by the host's functions: a new generation of
/// this plugin finds it as it was.
@safe
struct DatagramBuffer: BitwiseCopyable {
  private var header: UnsafeMutablePointer<mbuf>?
  private var pieces: InlineArray<32, UnsafeMutablePointer<mbuf>?>

  private static let pieceSize = Int(MCLBYTES)

  init() {
    unsafe header = nil
    unsafe pieces = InlineArray(repeating: nil)
  }

  /// The map of what is here; nil before `prepare`.
  static func map(_ held: table_held) -> FragmentMap? {
    guard let map = unsafe held.th_chain else { return nil }
    // The storage of the map's cluster, for as long as the entry is locked.
    return unsafe FragmentMap(map.pointee.m_data)
  }

  /// Makes the map, if there is none. False without memory.
  static func prepare(_ held: inout table_held) -> Bool {
    if unsafe held.th_chain != nil { return true }
    guard let map = unsafe m_getcl(M_NOWAIT, MT_DATA, 0) else { return false }
    unsafe FragmentMap.initialize(map.pointee.m_data)
    unsafe held.th_chain = map
    unsafe held.th_bytes = UInt32(MSIZE &+ MCLBYTES)
    return true
  }

  /// Hangs a new mbuf on the chain.
  private static func hang(_ m: UnsafeMutablePointer<mbuf>, bytes: Int32, on held: inout table_held) {
    guard let map = unsafe held.th_chain else { return }
    unsafe m.pointee.m_next = map.pointee.m_next
    unsafe map.pointee.m_next = m
    unsafe held.th_bytes &+= UInt32(bytes)
  }

  // MARK: Putting in

  /// Copies the first fragment's unfragmentable part. False without memory.
  mutating func storeHeader(
    of fragment: Fragment, from packet: UnsafeMutablePointer<mbuf>, _ held: inout table_held
  ) -> Bool {
    let length = fragment.headerLength
    let m: UnsafeMutablePointer<mbuf>
    if let made = unsafe header {
      // From a first fragment whose data found no memory.
      unsafe m = made
    } else {
      let isSmall = length <= Int(MLEN)
      guard
        let made = unsafe isSmall
          ? m_gethdr(M_NOWAIT, MT_DATA) : m_getcl(M_NOWAIT, MT_DATA, Int32(M_PKTHDR))
      else { return false }
      unsafe m = made
      unsafe Self.hang(m, bytes: MSIZE &+ (isSmall ? 0 : MCLBYTES), on: &held)
      unsafe header = m
    }
    // A header kept from before may be too small for this one.
    let room = unsafe m.pointee.m_flags & M_EXT != 0 ? Self.pieceSize : Int(MLEN)
    guard length <= room else { return false }
    unsafe m.pointee.m_len = Int32(truncatingIfNeeded: length)
    // Where to tell of it, should the rest not come.
    unsafe m.pointee.m_pkthdr.rcvif = packet.pointee.m_pkthdr.rcvif
    return unsafe m_copydata(packet, 0, m.pointee.m_len, m.pointee.m_data) == 0
  }

  /// Copies a fragment's data to their places. False without memory.
  mutating func store(
    _ fragment: Fragment, from packet: UnsafeMutablePointer<mbuf>, _ held: inout table_held
  ) -> Bool {
    guard unsafe reserve(from: fragment.offset, to: fragment.end, &held) else { return false }
    unsafe forEachPart(of: fragment) { target, position, count in
      _ = unsafe m_copydata(packet, Int32(position), Int32(count), target)
      return true
    }
    unsafe Self.map(held)?.mark(from: fragment.offset, to: fragment.end)
    return true
  }

  /// Takes clusters for a range.
  private mutating func reserve(from start: Int, to end: Int, _ held: inout table_held) -> Bool {
    var index = start / Self.pieceSize
    while index &* Self.pieceSize < end, unsafe index < pieces.count {
      if unsafe pieces[index] == nil {
        guard let m = unsafe m_getcl(M_NOWAIT, MT_DATA, 0) else { return false }
        unsafe Self.hang(m, bytes: MSIZE &+ MCLBYTES, on: &held)
        unsafe pieces[index] = m
      }
      index &+= 1
    }
    return true
  }

  /// Calls `body` with each part of a fragment's range that lies in one cluster: where it is there, where it is in the
  /// packet, and how long. Stops when `body` returns false.
  private func forEachPart(
    of fragment: Fragment, _ body: (_ target: UnsafeMutablePointer<CChar>, _ position: Int, _ count: Int) -> Bool
  ) {
    var place = fragment.offset
    while place < fragment.end {
      let index = place / Self.pieceSize
      guard unsafe index < pieces.count, let piece = unsafe pieces[index] else { return }
      let inPiece = place % Self.pieceSize
      let count = Swift.min(Self.pieceSize &- inPiece, fragment.end &- place)
      // In bounds: inPiece + count <= pieceSize, the size of the piece's cluster.
      guard unsafe body(piece.pointee.m_data + inPiece, fragment.position &+ place &- fragment.offset, count) else {
        return
      }
      place &+= count
    }
  }

  // MARK: Comparing

  /// Whether a fragment's bytes are those that are here already, in its place.
  func hasSameBytes(_ fragment: Fragment, _ packet: UnsafeMutablePointer<mbuf>) -> Bool {
    var isSame = true
    unsafe forEachPart(of: fragment) { target, position, count in
      isSame = unsafe Self.equals(target, packet, position, count)
      return isSame
    }
    return isSame
  }

  /// Whether `count` bytes of the packet from `position` are those at `stored`.
  private static func equals(
    _ stored: UnsafeMutablePointer<CChar>, _ packet: UnsafeMutablePointer<mbuf>, _ position: Int, _ count: Int
  ) -> Bool {
    unsafe withUnsafeTemporaryAllocation(byteCount: 256, alignment: 16) { chunk in
      guard let base = chunk.baseAddress else { return false }
      var done = 0
      while done < count {
        let part = Swift.min(256, count &- done)
        guard unsafe m_copydata(packet, Int32(position &+ done), Int32(part), base) == 0 else { return false }
        let old = unsafe UnsafeRawBufferPointer(start: stored + done, count: part)
        for index in 0..<part where unsafe old[index] != chunk[index] { return false }
        done &+= part
      }
      return true
    }
  }

  // MARK: Taking out

  /// The hop limit of the first fragment.
  var hopLimit: UInt8 {
    guard let header = unsafe header, unsafe header.pointee.m_len >= Int32(IP6Header.size) else { return 0 }
    return unsafe UInt8(bitPattern: header.pointee.m_data[7])
  }

  /// A copy of the first fragment as it came, as far as a message about it can hold it; nil when something is missing, or
  /// when it came where nothing is answered.
  func firstFragment(
    _ held: table_held, nextHeader: UInt8, identification: UInt32
  ) -> UnsafeMutablePointer<mbuf>? {
    guard let header = unsafe header, let map = unsafe Self.map(held), let data = unsafe pieces[0],
      let ifp = unsafe header.pointee.m_pkthdr.rcvif, unsafe ifnet_flags(ifp) & UInt32(IFNET_MONITOR) == 0,
      let copy = unsafe m_getcl(M_NOWAIT, MT_DATA, Int32(M_PKTHDR))
    else { return nil }
    let room = unsafe IP6Header.minimumMTU &- Int(header.pointee.m_len) &- FragmentHeader.size
    let count = map.firstEnd(limit: Swift.max(room, 0))
    var fragmentHeader: InlineArray<8, UInt8> = [nextHeader, 0, 0, 1, 0, 0, 0, 0]
    for index in 0..<4 {
      fragmentHeader[4 &+ index] = UInt8(truncatingIfNeeded: identification >> UInt32(24 &- 8 &* index))
    }
    // All pointers are good for the counts given with them: a piece has its whole cluster, and count < pieceSize.
    let isWhole =
      unsafe m_append(copy, header.pointee.m_len, header.pointee.m_data) == 1
      && fragmentHeader.span.withUnsafeBytes { bytes in
        unsafe m_append(copy, 8, bytes.baseAddress!.assumingMemoryBound(to: CChar.self)) == 1
      } && m_append(copy, Int32(truncatingIfNeeded: count), data.pointee.m_data) == 1
    guard isWhole else {
      unsafe m_freem(copy)
      return nil
    }
    unsafe copy.pointee.m_pkthdr.rcvif = ifp
    return unsafe copy
  }

  /// Links the first fragment's header and the data to a packet, with the whole's payload length and next header; frees
  /// the map. Nil when something is missing; then all stays as it was.
  func join(
    _ held: table_held, headerLength: Int, nextHeaderOffset: Int, nextHeader: UInt8, total: Int
  ) -> UnsafeMutablePointer<mbuf>? {
    guard let header = unsafe header, let bytes = unsafe header.pointee.m_data, let map = unsafe held.th_chain,
      unsafe Int(header.pointee.m_len) == headerLength,
      headerLength >= IP6Header.size, nextHeaderOffset < headerLength
    else { return nil }
    let count = (total &+ Self.pieceSize &- 1) / Self.pieceSize
    guard unsafe count <= pieces.count else { return nil }
    for index in 0..<count where unsafe pieces[index] == nil { return nil }

    // No cluster is more than those: every piece has data of its own, and no data lie behind `total`.
    var last = unsafe header
    var left = total
    for index in 0..<count {
      guard let piece = unsafe pieces[index] else { return nil }
      let length = Swift.min(Self.pieceSize, left)
      unsafe piece.pointee.m_len = Int32(truncatingIfNeeded: length)
      left &-= length
      unsafe last.pointee.m_next = piece
      unsafe last = piece
    }
    unsafe last.pointee.m_next = nil
    unsafe map.pointee.m_next = nil
    unsafe m_freem(map)

    // Both inside of the header: it has 40 bytes or more.
    let payload = UInt16(truncatingIfNeeded: headerLength &- IP6Header.size &+ total)
    unsafe UnsafeMutableRawPointer(bytes).storeBytes(
      of: payload.bigEndian, toByteOffset: IP6Header.payloadLengthOffset, as: UInt16.self)
    unsafe UnsafeMutableRawPointer(bytes).storeBytes(of: nextHeader, toByteOffset: nextHeaderOffset, as: UInt8.self)
    return unsafe header
  }
}
