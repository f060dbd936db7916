import CNetISR
import CNetISRHost

/// One thread's free mbufs and clusters, and the making and freeing of mbufs from them. [owner]
struct MbufCache: ~Copyable {
  let mbufs: MagazinePair
  let clusters: MagazinePair

  init(pool: MbufPool) {
    mbufs = MagazinePair(zone: pool.mbufs)
    clusters = MagazinePair(zone: pool.clusters)
  }

  /// Gives everything back to the pool: the thread ends.
  func flush() {
    mbufs.flush()
    clusters.flush()
  }

  /// `m_type` of what is not an mbuf: freed, or never made.
  static let freedType: UInt16 = 0

  /// An mbuf with no data, which the plugin holds whose code is running. Only its first 40 bytes are set.
  @inline(__always)
  func allocate(type: Int32, flags: UInt32) -> UnsafeMutablePointer<mbuf>? {
    guard let object = unsafe mbufs.take() else { return nil }
    // Every object of this zone is MSIZE bytes of its slab.
    let m = unsafe object.assumingMemoryBound(to: mbuf.self)
    unsafe m.pointee.m_next = nil
    unsafe m.pointee.m_nextpkt = nil
    unsafe m.pointee.m_data = unsafe m.internalStorage
    unsafe m.pointee.m_len = 0
    unsafe m.pointee.m_flags = flags
    let type = UInt16(truncatingIfNeeded: type)
    unsafe m.pointee.m_type = type == Self.freedType ? UInt16(MT_DATA) : type
    unsafe m.pointee.m_ispare = netisr_host_mark()
    return unsafe m
  }

  /// The same with an all-zero packet header.
  @inline(__always)
  func allocatePacket(type: Int32) -> UnsafeMutablePointer<mbuf>? {
    guard let m = unsafe allocate(type: type, flags: M_PKTHDR) else { return nil }
    unsafe m.pointee.m_pkthdr = pkthdr()
    return unsafe m
  }

  /// Gives `m` a cluster as its storage, empty; false when there is none.
  @inline(__always)
  func attachCluster(to m: UnsafeMutablePointer<mbuf>) -> Bool {
    guard let object = unsafe clusters.take() else { return false }
    unsafe m.attach(object.assumingMemoryBound(to: Cluster.self))
    unsafe m.pointee.m_data = m.pointee.m_ext.ext_buf
    return true
  }

  /// An mbuf with a cluster.
  @inline(__always)
  func allocateWithCluster(type: Int32, isPacket: Bool) -> UnsafeMutablePointer<mbuf>? {
    guard let m = unsafe isPacket ? allocatePacket(type: type) : allocate(type: type, flags: 0) else { return nil }
    guard unsafe attachCluster(to: m) else {
      unsafe free(m)
      return nil
    }
    return unsafe m
  }

  /// A chain with exactly `count` bytes of data that are not set, or nil: all or nothing.
  func allocateChain(_ count: Int, isPacket: Bool) -> UnsafeMutablePointer<mbuf>? {
    var head: UnsafeMutablePointer<mbuf>?
    var tail: UnsafeMutablePointer<mbuf>?
    var rest = count
    repeat {
      let isHeader = unsafe isPacket && head == nil
      let made =
        if rest > Int(MLEN) {
          unsafe allocateWithCluster(type: MT_DATA, isPacket: isHeader)
        } else {
          unsafe isHeader ? allocatePacket(type: MT_DATA) : allocate(type: MT_DATA, flags: 0)
        }
      guard let m = unsafe made else {
        unsafe freeChain(head)
        return nil
      }
      unsafe m.pointee.m_len = Int32(min(rest, m.storageSize))
      unsafe rest -= Int(m.pointee.m_len)
      if let last = unsafe tail {
        unsafe last.pointee.m_next = m
      } else {
        unsafe head = m
      }
      unsafe tail = m
    } while rest > 0
    if let head = unsafe head, isPacket { unsafe head.pointee.m_pkthdr.len = Int32(clamping: count) }
    return unsafe head
  }

  /// Frees one mbuf, and its part in its storage; the rest of its chain.
  @inline(__always)
  @discardableResult
  func free(_ m: UnsafeMutablePointer<mbuf>) -> UnsafeMutablePointer<mbuf>? {
    guard let count = mbufs.room, unsafe m.pointee.m_type != Self.freedType else { return unsafe freeSlowly(m) }
    let rest = unsafe m.pointee.m_next
    unsafe m.pointee.m_type = Self.freedType
    if unsafe m.pointee.m_flags & M_EXT != 0 { unsafe dropCluster(of: m) }
    unsafe mbufs.push(UnsafeMutableRawPointer(m), above: count)
    return unsafe rest
  }

  /// The same where the magazine is full, or frees are checked; or what is free already, as far as that is seen without
  /// checks.
  @inline(never)
  private func freeSlowly(_ m: UnsafeMutablePointer<mbuf>) -> UnsafeMutablePointer<mbuf>? {
    if unsafe mbufs.isChecked || m.pointee.m_type == Self.freedType { return unsafe freeChecked(m) }
    let rest = unsafe m.pointee.m_next
    unsafe m.pointee.m_type = Self.freedType
    if unsafe m.pointee.m_flags & M_EXT != 0 { unsafe dropCluster(of: m) }
    unsafe mbufs.give(UnsafeMutableRawPointer(m))
    return unsafe rest
  }

  /// Frees a chain.
  func freeChain(_ m: UnsafeMutablePointer<mbuf>?) {
    var next = unsafe m
    while let m = unsafe next { unsafe next = free(m) }
  }

  /// Takes the external storage away from `m`, without giving it another.
  @inline(__always)
  func dropCluster(of m: UnsafeMutablePointer<mbuf>) {
    let cluster = unsafe m.cluster
    if unsafe cluster.pointee.drop() { unsafe clusters.give(UnsafeMutableRawPointer(cluster)) }
  }
}
