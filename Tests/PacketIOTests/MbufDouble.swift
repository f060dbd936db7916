import CNetISR

// Doubles of the few mbuf(9) functions that PacketIO calls, for as long as the engine does not have them.

@_cdecl("m_getcl")
public func doubleGetcl(_ how: Int32, _ type: Int32, _ flags: Int32) -> UnsafeMutablePointer<mbuf>? {
  let m = UnsafeMutablePointer<mbuf>.allocate(capacity: 1)
  m.initialize(to: mbuf())
  let cluster = UnsafeMutablePointer<CChar>.allocate(capacity: Int(MCLBYTES))
  m.pointee.m_data = cluster
  m.pointee.m_ext.ext_buf = cluster
  m.pointee.m_ext.ext_size = UInt32(MCLBYTES)
  m.pointee.m_flags = UInt32(flags) | M_EXT
  return m
}

@_cdecl("m_append")
public func doubleAppend(_ m: UnsafeMutablePointer<mbuf>, _ len: Int32, _ bytes: UnsafePointer<CChar>) -> Int32 {
  var last = m
  while let next = last.pointee.m_next { last = next }
  var done: Int32 = 0
  while done < len {
    if last.pointee.m_len == MCLBYTES {
      let next = doubleGetcl(M_NOWAIT, MT_DATA, 0)!
      last.pointee.m_next = next
      last = next
    }
    let part = min(len - done, MCLBYTES - last.pointee.m_len)
    (last.pointee.m_data + Int(last.pointee.m_len)).update(from: bytes + Int(done), count: Int(part))
    last.pointee.m_len += part
    done += part
  }
  m.pointee.m_pkthdr.len += len
  return 1
}

@_cdecl("m_freem")
public func doubleFreem(_ m: UnsafeMutablePointer<mbuf>?) {
  var next = m
  while let m = next {
    next = m.pointee.m_next
    m.pointee.m_ext.ext_buf.deallocate()
    m.deallocate()
  }
}
