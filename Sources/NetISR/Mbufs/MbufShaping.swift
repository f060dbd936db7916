import CNetISR
import Glibc

// mbuf.h: what changes the shape of a chain. Lengths come from plugins, and so from packets: they are checked, and all
// sums are made in 64 bits.

/// Bytes that m_pullup leaves free in front of a new first mbuf: a link-level header fits.
private let linkHeaderRoom = 16

/// Makes the first `len` bytes contiguous; see mbuf.h. [any thread]
@c @implementation
public func m_pullup(_ m: UnsafeMutablePointer<mbuf>!, _ len: Int32) -> UnsafeMutablePointer<mbuf>! {
  guard let m = unsafe m else { return nil }
  if unsafe len >= 0 && len <= m.pointee.m_len { return unsafe m }
  let context = unsafe mbufContext()
  let wanted = Int(len)
  guard wanted >= 0, wanted <= Int(MCLBYTES), unsafe m.end.count >= wanted,
    let head = unsafe context.pointee.mbufs.pullupTarget(m, wanted)
  else {
    unsafe context.pointee.mbufs.freeChain(m)
    return nil
  }
  // Moves bytes from the mbufs behind the head into it, and frees those that are empty then.
  while unsafe head.count < wanted, let source = unsafe head.pointee.m_next {
    let part = unsafe min(wanted - head.count, source.count)
    unsafe memcpy(head.pointee.m_data + head.count, source.pointee.m_data, part)
    unsafe head.pointee.m_len += Int32(part)
    unsafe source.pointee.m_len -= Int32(part)
    unsafe source.pointee.m_data += part
    if unsafe source.pointee.m_len <= 0 {
      unsafe head.pointee.m_next = context.pointee.mbufs.free(source)
    }
  }
  return unsafe head
}

extension MbufCache {
  /// The mbuf into which m_pullup moves: the first one if it has the room, or a new one in front of it.
  fileprivate func pullupTarget(_ m: UnsafeMutablePointer<mbuf>, _ wanted: Int) -> UnsafeMutablePointer<mbuf>? {
    if unsafe wanted - m.count <= m.trailingSpace { return unsafe m }
    let type = unsafe Int32(m.pointee.m_type)
    let made =
      unsafe wanted > Int(MLEN) ? allocateWithCluster(type: type, isPacket: false) : allocate(type: type, flags: 0)
    guard let head = unsafe made else { return nil }
    unsafe head.adoptHeader(of: m)
    unsafe head.pointee.m_data += min(linkHeaderRoom, head.storageSize - wanted)
    unsafe head.pointee.m_next = m
    return unsafe head
  }
}

/// Trims bytes from the head or the tail; see mbuf.h. [any thread]
@c @implementation
public func m_adj(_ m: UnsafeMutablePointer<mbuf>!, _ len: Int32) {
  guard let m = unsafe m else { return }
  if len >= 0 {
    unsafe trimHead(m, Int(len))
  } else {
    unsafe trimTail(m, -Int(len))
  }
}

private func trimHead(_ head: UnsafeMutablePointer<mbuf>, _ count: Int) {
  var rest = count
  var next: UnsafeMutablePointer<mbuf>? = unsafe head
  while rest > 0, let m = unsafe next {
    let part = unsafe min(rest, m.count)
    unsafe m.pointee.m_data += part
    unsafe m.pointee.m_len = Int32(m.count - part)
    rest -= part
    unsafe next = m.pointee.m_next
  }
  unsafe head.addToPacketLength(rest - count)
}

private func trimTail(_ head: UnsafeMutablePointer<mbuf>, _ count: Int) {
  let total = unsafe head.end.count
  var keep = max(0, total - count)
  unsafe head.addToPacketLength(keep - total)
  var m = unsafe head
  while unsafe m.count < keep, let next = unsafe m.pointee.m_next {
    unsafe keep -= m.count
    unsafe m = next
  }
  unsafe m.pointee.m_len = Int32(keep)
  if let rest = unsafe m.pointee.m_next {
    unsafe m.pointee.m_next = nil
    unsafe mbufContext().pointee.mbufs.freeChain(rest)
  }
}

/// Makes room in front; see mbuf.h. Keeps m_pkthdr.len right. [any thread]
@c @implementation
public func m_prepend(_ m: UnsafeMutablePointer<mbuf>!, _ len: Int32, _ how: Int32) -> UnsafeMutablePointer<mbuf>! {
  guard let m = unsafe m else { return nil }
  let count = Int(len)
  if count >= 0, count <= Int(MLEN), unsafe m.leadingSpace >= count {
    unsafe m.pointee.m_data -= count
    unsafe m.pointee.m_len += len
    unsafe m.addToPacketLength(count)
    return unsafe m
  }
  let context = unsafe mbufContext()
  guard count >= 0, count <= Int(MLEN),
    let head = unsafe context.pointee.mbufs.allocate(type: Int32(m.pointee.m_type), flags: 0)
  else {
    unsafe context.pointee.mbufs.freeChain(m)
    return nil
  }
  unsafe head.adoptHeader(of: m)
  // At the end of the storage, aligned: the next header in front finds room.
  unsafe head.pointee.m_data += (Int(MLEN) - count) & ~7
  unsafe head.pointee.m_len = len
  unsafe head.pointee.m_next = m
  unsafe head.addToPacketLength(count)
  return unsafe head
}

/// Appends a copy of `len` bytes, all or nothing; see mbuf.h. [any thread]
@c @implementation
public func m_append(_ m: UnsafeMutablePointer<mbuf>!, _ len: Int32, _ cp: UnsafePointer<CChar>!) -> Int32 {
  guard let m = unsafe m, len >= 0 else { return 0 }
  if len == 0 { return 1 }
  let (_, total) = unsafe m.end
  guard let cp = unsafe cp, total + Int(len) <= longestPacket,
    unsafe mbufContext().pointee.mbufs.extend(m, by: Int(len))
  else { return 0 }
  unsafe m.write(cp, at: total, count: Int(len))
  return 1
}

extension MbufCache {
  /// Lengthens a chain by bytes that are not set, in the room that its last mbuf has, and in new mbufs. All or nothing.
  func extend(_ head: UnsafeMutablePointer<mbuf>, by count: Int) -> Bool {
    let (last, _) = unsafe head.end
    let inPlace = unsafe min(count, last.trailingSpace)
    if inPlace < count {
      guard let more = unsafe allocateChain(count - inPlace, isPacket: false) else { return false }
      unsafe last.pointee.m_next = more
    }
    unsafe last.pointee.m_len += Int32(inPlace)
    unsafe head.addToPacketLength(count)
    return true
  }
}

/// Links `n` behind `m`; see mbuf.h. [any thread]
@c @implementation
public func m_cat(_ m: UnsafeMutablePointer<mbuf>!, _ n: UnsafeMutablePointer<mbuf>!) {
  guard let m = unsafe m else {
    unsafe m_freem(n)
    return
  }
  let last = unsafe m.end.last
  var next = unsafe n
  while let part = unsafe next {
    guard unsafe part.count <= last.trailingSpace else {
      // In the middle of a chain there is no packet header.
      unsafe part.pointee.m_flags &= ~M_PKTHDR
      unsafe last.pointee.m_next = part
      return
    }
    unsafe memcpy(last.pointee.m_data + last.count, part.pointee.m_data, part.count)
    unsafe last.pointee.m_len += Int32(part.count)
    unsafe next = mbufContext().pointee.mbufs.free(part)
  }
}

/// Cuts a chain after `len` bytes; see mbuf.h. [any thread]
///
/// The tail's packet header has the receiving interface, the time and the flow of the first; not its
/// checksum, tag and private fields, which say nothing about the tail.
@c @implementation
public func m_split(_ m: UnsafeMutablePointer<mbuf>!, _ len: Int32, _ how: Int32) -> UnsafeMutablePointer<mbuf>! {
  guard let head = unsafe m, len >= 0 else { return nil }
  // The mbuf in which the cut lies, `keep` bytes of it before the cut.
  var cut = unsafe head
  var keep = Int(len)
  while unsafe keep > cut.count {
    unsafe keep -= cut.count
    guard let next = unsafe cut.pointee.m_next else { return nil }
    unsafe cut = next
  }
  let isPacket = unsafe head.pointee.m_flags & M_PKTHDR != 0
  let moved = unsafe cut.count - keep
  let tail: UnsafeMutablePointer<mbuf>
  if moved == 0 && !isPacket {
    guard let rest = unsafe cut.pointee.m_next else { return nil }
    unsafe tail = rest
  } else {
    let context = unsafe mbufContext()
    let type = unsafe Int32(cut.pointee.m_type)
    let made =
      unsafe isPacket
      ? context.pointee.mbufs.allocatePacket(type: type) : context.pointee.mbufs.allocate(type: type, flags: 0)
    guard let new = unsafe made else { return nil }
    unsafe moveTail(of: cut, from: keep, count: moved, to: new)
    unsafe new.pointee.m_next = cut.pointee.m_next
    unsafe tail = new
  }
  unsafe cut.pointee.m_len = Int32(keep)
  unsafe cut.pointee.m_next = nil
  if isPacket {
    unsafe tail.pointee.m_pkthdr.rcvif = head.pointee.m_pkthdr.rcvif
    unsafe tail.pointee.m_pkthdr.rcv_tstmp = head.pointee.m_pkthdr.rcv_tstmp
    unsafe tail.pointee.m_pkthdr.flowid = head.pointee.m_pkthdr.flowid
    unsafe tail.pointee.m_pkthdr.rsstype = head.pointee.m_pkthdr.rsstype
    unsafe tail.pointee.m_pkthdr.len = Int32(clamping: max(0, Int(head.pointee.m_pkthdr.len) - Int(len)))
    unsafe head.pointee.m_pkthdr.len = len
  }
  return unsafe tail
}

/// Gives `new` the last bytes of `m`: a copy when it is small, so that both stay writable; otherwise its cluster too.
private func moveTail(of m: UnsafeMutablePointer<mbuf>, from: Int, count: Int, to new: UnsafeMutablePointer<mbuf>) {
  if count <= Int(MLEN) {
    unsafe new.pointee.m_data += (Int(MLEN) - count) & ~7
    unsafe memcpy(new.pointee.m_data, m.pointee.m_data + from, count)
  } else {
    unsafe new.share(m)
    unsafe new.pointee.m_data = m.pointee.m_data + from
  }
  unsafe new.pointee.m_len = Int32(count)
}
