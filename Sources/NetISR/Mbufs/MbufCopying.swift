import CNetISR
import Glibc

// mbuf.h: copying out of chains, into chains, and whole chains.

/// Copies `len` bytes from offset `off` out; see mbuf.h. [any thread]
@c @implementation
public func m_copydata(_ m: UnsafePointer<mbuf>!, _ off: Int32, _ len: Int32, _ cp: UnsafeMutableRawPointer!) -> Int32 {
  guard let m = unsafe m, off >= 0, len >= 0 else { return EINVAL }
  if unsafe Int(off) + Int(len) > Int(m.pointee.m_len) {
    // Only a chain of several mbufs can still be long enough.
    guard unsafe UnsafeMutablePointer(mutating: m).end.count >= Int(off) + Int(len) else { return EINVAL }
  }
  if len == 0 { return 0 }
  guard let cp = unsafe cp else { return EINVAL }
  var skip = Int(off)
  var done = 0
  var next: UnsafeMutablePointer<mbuf>? = unsafe UnsafeMutablePointer(mutating: m)
  while done < Int(len), let m = unsafe next {
    if unsafe skip < m.count {
      let part = unsafe min(m.count - skip, Int(len) - done)
      unsafe memcpy(cp + done, m.pointee.m_data + skip, part)
      done += part
      skip = 0
    } else {
      unsafe skip -= m.count
    }
    unsafe next = m.pointee.m_next
  }
  return 0
}

/// Writes `len` bytes at offset `off`, extending the chain with zeros when needed; see mbuf.h. [any thread]
///
/// What is shared gets storage of its own first. On an error the chain's content is unchanged.
@c @implementation
public func m_copyback(_ m: UnsafeMutablePointer<mbuf>!, _ off: Int32, _ len: Int32, _ cp: UnsafeRawPointer!) -> Int32 {
  guard let m = unsafe m, off >= 0, len >= 0 else { return EINVAL }
  if len == 0 { return 0 }
  guard let cp = unsafe cp else { return EINVAL }
  let start = Int(off)
  let end = start + Int(len)
  guard end <= longestPacket else { return ENOBUFS }
  let context = unsafe mbufContext()
  var position = 0
  var next: UnsafeMutablePointer<mbuf>? = unsafe m
  while position < end, let part = unsafe next {
    let after = unsafe position + part.count
    if unsafe part.count > 0 && after > start {
      guard unsafe context.pointee.mbufs.makeWritable(part) else { return ENOBUFS }
    }
    position = after
    unsafe next = part.pointee.m_next
  }
  // `position` is the length of the chain, when that is less than `end`.
  if position < end {
    let header = unsafe m.pointee.m_flags & M_PKTHDR != 0 ? m.pointee.m_pkthdr.len : 0
    guard unsafe context.pointee.mbufs.extend(m, by: end - position) else { return ENOBUFS }
    if unsafe m.pointee.m_flags & M_PKTHDR != 0 {
      unsafe m.pointee.m_pkthdr.len = max(header, Int32(end))
    }
    if position < start { unsafe m.write(nil, at: position, count: start - position) }
  }
  unsafe m.write(cp, at: start, count: Int(len))
  return 0
}

/// A copy that shares external storage; see mbuf.h. [any thread]
///
/// Data inside mbufs is copied, in the same place, so that room in front stays. The parts that share storage are marked
/// M_RDONLY, in the original too.
@c @implementation
public func m_copypacket(_ m: UnsafeMutablePointer<mbuf>!, _ how: Int32) -> UnsafeMutablePointer<mbuf>! {
  guard let m = unsafe m, let context = unsafe ThreadContext.current else { return nil }
  var head: UnsafeMutablePointer<mbuf>?
  var tail: UnsafeMutablePointer<mbuf>?
  var next: UnsafeMutablePointer<mbuf>? = unsafe m
  while let source = unsafe next {
    guard let copy = unsafe context.pointee.mbufs.allocate(type: Int32(source.pointee.m_type), flags: 0) else {
      unsafe context.pointee.mbufs.freeChain(head)
      return nil
    }
    if unsafe head == nil && source.pointee.m_flags & M_PKTHDR != 0 { unsafe copy.copyHeader(of: source) }
    if unsafe source.pointee.m_flags & M_EXT != 0 {
      unsafe copy.share(source)
      unsafe copy.pointee.m_data = source.pointee.m_data
    } else {
      unsafe copy.pointee.m_data += source.pointee.m_data - source.internalStorage
      unsafe memcpy(copy.pointee.m_data, source.pointee.m_data, source.count)
    }
    unsafe copy.pointee.m_len = Int32(source.count)
    if let last = unsafe tail {
      unsafe last.pointee.m_next = copy
    } else {
      unsafe head = copy
    }
    unsafe tail = copy
    unsafe next = source.pointee.m_next
  }
  return unsafe head
}

/// A deep, writable copy; see mbuf.h. [any thread]
@c @implementation
public func m_dup(_ m: UnsafePointer<mbuf>!, _ how: Int32) -> UnsafeMutablePointer<mbuf>! {
  guard let m = unsafe m, let context = unsafe ThreadContext.current else { return nil }
  let source = unsafe UnsafeMutablePointer(mutating: m)
  let isPacket = unsafe source.pointee.m_flags & M_PKTHDR != 0
  let (_, total) = unsafe source.end
  guard total <= longestPacket, let head = unsafe context.pointee.mbufs.allocateChain(total, isPacket: isPacket) else {
    return nil
  }
  if isPacket {
    unsafe head.copyHeader(of: source)
    unsafe head.pointee.m_pkthdr.len = Int32(total)
  }
  unsafe copyChain(from: source, to: head)
  return unsafe head
}

/// Copies all data of one chain into another one of the same length.
private func copyChain(from source: UnsafeMutablePointer<mbuf>, to target: UnsafeMutablePointer<mbuf>) {
  var source: UnsafeMutablePointer<mbuf>? = unsafe source
  var target: UnsafeMutablePointer<mbuf>? = unsafe target
  var sourceDone = 0
  var targetDone = 0
  while let from = unsafe source, let to = unsafe target {
    let part = unsafe min(from.count - sourceDone, to.count - targetDone)
    unsafe memcpy(to.pointee.m_data + targetDone, from.pointee.m_data + sourceDone, part)
    sourceDone += part
    targetDone += part
    if unsafe sourceDone == from.count {
      unsafe source = from.pointee.m_next
      sourceDone = 0
    }
    if unsafe targetDone == to.count {
      unsafe target = to.pointee.m_next
      targetDone = 0
    }
  }
}

/// Bytes in the chain; see mbuf.h. [any thread]
@c @implementation
public func m_length(_ m: UnsafeMutablePointer<mbuf>!, _ last: UnsafeMutablePointer<UnsafeMutablePointer<mbuf>?>!)
  -> UInt32
{
  guard let m = unsafe m else {
    if let last = unsafe last { unsafe last.pointee = nil }
    return 0
  }
  let end = unsafe m.end
  if let last = unsafe last { unsafe last.pointee = end.last }
  return unsafe UInt32(truncatingIfNeeded: end.count)
}
