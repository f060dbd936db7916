import CNetISR
import Glibc

/// Where an mbuf's data lies, and who may write there.
///
/// Storage inside an mbuf is its own. A cluster may be shared, by m_copypacket and m_split; whether it is, is told by
/// its reference count. Plugins can't see the count, so both mbufs are marked M_RDONLY when a cluster becomes shared;
/// the mark stays when the others are gone, until one of these functions notices that the cluster is unshared.
extension UnsafeMutablePointer where Pointee == mbuf {
  /// The `MLEN` bytes at the end of the mbuf.
  @inline(__always)
  var internalStorage: UnsafeMutablePointer<CChar> {
    // The offset of m_dat: pinned in abi.c.
    unsafe UnsafeMutableRawPointer(self).advanced(by: Int(MSIZE - MLEN)).assumingMemoryBound(to: CChar.self)
  }

  /// The record of its cluster. With M_EXT only, whose only writer is `attach`.
  @inline(__always)
  var cluster: UnsafeMutablePointer<Cluster> {
    unsafe pointee.m_ext.ext_refs.assumingMemoryBound(to: Cluster.self)
  }

  /// First byte of the storage.
  @inline(__always)
  var storage: UnsafeMutablePointer<CChar> {
    unsafe pointee.m_flags & M_EXT != 0 ? pointee.m_ext.ext_buf : internalStorage
  }

  /// Bytes of the storage.
  @inline(__always)
  var storageSize: Int {
    unsafe pointee.m_flags & M_EXT != 0 ? Int(pointee.m_ext.ext_size) : Int(MLEN)
  }

  /// Bytes of data, not negative.
  @inline(__always)
  var count: Int { unsafe max(0, Int(pointee.m_len)) }

  /// Whether the data may be written in place. Takes a mark off that is no longer true.
  func claim() -> Bool {
    guard unsafe pointee.m_flags & M_EXT != 0 else { return unsafe pointee.m_flags & M_RDONLY == 0 }
    guard unsafe cluster.pointee.isUnshared else { return false }
    unsafe pointee.m_flags &= ~M_RDONLY
    return true
  }

  /// Writable bytes in front of the data.
  var leadingSpace: Int { unsafe claim() ? max(0, pointee.m_data - storage) : 0 }

  /// Writable bytes behind the data.
  var trailingSpace: Int { unsafe claim() ? max(0, storage + storageSize - pointee.m_data - count) : 0 }

  /// Makes a cluster that is the caller's the storage; m_data is the caller's to set.
  @inline(__always)
  func attach(_ cluster: UnsafeMutablePointer<Cluster>) {
    unsafe pointee.m_ext.ext_buf = cluster.pointee.storage
    unsafe pointee.m_ext.ext_size = UInt32(MCLBYTES)
    unsafe pointee.m_ext.ext_type = 0
    unsafe pointee.m_ext.ext_refs = UnsafeMutableRawPointer(cluster)
    unsafe pointee.m_flags |= M_EXT
  }

  /// Makes the cluster of `other` the storage of this mbuf too; m_data is the caller's to set.
  func share(_ other: UnsafeMutablePointer<mbuf>) {
    unsafe other.cluster.pointee.share()
    unsafe attach(other.cluster)
    unsafe pointee.m_flags |= M_RDONLY
    unsafe other.pointee.m_flags |= M_RDONLY
  }

  /// Takes over the packet header of `other`, and its place in a queue.
  func adoptHeader(of other: UnsafeMutablePointer<mbuf>) {
    guard unsafe other.pointee.m_flags & M_PKTHDR != 0 else { return }
    unsafe copyHeader(of: other)
    unsafe pointee.m_nextpkt = other.pointee.m_nextpkt
    unsafe other.pointee.m_nextpkt = nil
    unsafe other.pointee.m_flags &= M_EXT | M_RDONLY
  }

  /// Copies the packet header of `other`, and the flags that say something about the packet.
  func copyHeader(of other: UnsafeMutablePointer<mbuf>) {
    unsafe pointee.m_pkthdr = other.pointee.m_pkthdr
    unsafe pointee.m_flags = (pointee.m_flags & (M_EXT | M_RDONLY)) | (other.pointee.m_flags & ~(M_EXT | M_RDONLY))
  }

  /// Changes the packet's length, if this is the start of a packet.
  @inline(__always)
  func addToPacketLength(_ delta: Int) {
    if unsafe pointee.m_flags & M_PKTHDR != 0 {
      unsafe pointee.m_pkthdr.len = Int32(clamping: Int(pointee.m_pkthdr.len) + delta)
    }
  }

  /// The last mbuf of the chain, and the bytes of all.
  var end: (last: UnsafeMutablePointer<mbuf>, count: Int) {
    var last = unsafe self
    var total = unsafe count
    while let next = unsafe last.pointee.m_next {
      unsafe last = next
      unsafe total += next.count
    }
    return unsafe (last, total)
  }

  /// Writes into the chain, which is long enough and writable there; zeros when there is no source.
  func write(_ source: UnsafeRawPointer?, at offset: Int, count: Int) {
    var skip = offset
    var done = 0
    var next: UnsafeMutablePointer<mbuf>? = unsafe self
    while done < count, let m = unsafe next {
      if unsafe skip < m.count {
        let part = unsafe min(m.count - skip, count - done)
        if let source = unsafe source {
          unsafe memcpy(m.pointee.m_data + skip, source + done, part)
        } else {
          unsafe memset(m.pointee.m_data + skip, 0, part)
        }
        done += part
        skip = 0
      } else {
        unsafe skip -= m.count
      }
      unsafe next = m.pointee.m_next
    }
  }
}

extension MbufCache {
  /// Makes sure that the data of `m` may be written: if not, moves it to a cluster of its own. False without memory.
  func makeWritable(_ m: UnsafeMutablePointer<mbuf>) -> Bool {
    if unsafe m.claim() { return true }
    guard unsafe m.count <= Int(MCLBYTES), let object = unsafe clusters.take() else { return false }
    let cluster = unsafe object.assumingMemoryBound(to: Cluster.self)
    let offset = unsafe min(max(0, m.pointee.m_data - m.storage), Int(MCLBYTES) - m.count)
    let data = unsafe cluster.pointee.storage + offset
    unsafe memcpy(data, m.pointee.m_data, m.count)
    if unsafe m.pointee.m_flags & M_EXT != 0 { unsafe dropCluster(of: m) }
    unsafe m.attach(cluster)
    unsafe m.pointee.m_data = unsafe data
    unsafe m.pointee.m_flags &= ~M_RDONLY
    return true
  }
}
