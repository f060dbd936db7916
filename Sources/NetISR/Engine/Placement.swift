import CNetISR

// Which workstream a packet goes to: the protocol's policy.

extension UnsafeMutablePointer where Pointee == ProtocolRecord {
  /// Where a packet goes by its protocol's policy: nil when a callback kept the packet. (netisr_select_cpuid)
  ///
  /// - Parameters:
  ///   - isHybrid: a protocol without preference for a CPU takes the sender's own.
  ///   - cpu: the sender's.
  @inline(__always)
  func place(
    _ packet: UnsafeMutablePointer<mbuf>, source: UInt, isHybrid: Bool, cpu: UInt32
  ) -> (packet: UnsafeMutablePointer<mbuf>, wsid: Int)? {
    guard unsafe pointee.count > 1 else { return unsafe (packet, 0) }
    return unsafe placeAmongSeveral(packet, source, isHybrid, cpu)
  }

  private func placeAmongSeveral(
    _ packet: UnsafeMutablePointer<mbuf>, _ source: UInt, _ isHybrid: Bool, _ cpu: UInt32
  ) -> (packet: UnsafeMutablePointer<mbuf>, wsid: Int)? {
    let count = unsafe UInt(pointee.count)
    var m = unsafe packet
    var policy = unsafe pointee.policy
    if policy == .cpu, let m2cpuid = unsafe pointee.m2cpuid {
      var wanted = UInt32.max
      guard let kept = unsafe m2cpuid(m, source, &wanted) else { return nil }
      unsafe m = kept
      if wanted != UInt32.max { return unsafe (m, Int(UInt(wanted) % count)) }
      // No preference: at once if that is possible, else by source.
      if isHybrid { return unsafe (m, Int(UInt(cpu) % count)) }
      policy = .source
    }
    if policy == .flow {
      if unsafe m.pointee.m_pkthdr.rsstype == UInt8(M_HASHTYPE_NONE), let m2flow = unsafe pointee.m2flow {
        guard let kept = unsafe m2flow(m, source) else { return nil }
        unsafe m = kept
      }
      if unsafe m.pointee.m_pkthdr.rsstype != UInt8(M_HASHTYPE_NONE) {
        return unsafe (m, Int(m.pointee.m_pkthdr.flowid % UInt32(truncatingIfNeeded: count)))
      }
    }
    let interface = unsafe m.pointee.m_pkthdr.rcvif.map { unsafe UInt($0.pointee.if_index) } ?? 0
    return unsafe (m, Int((interface &+ source) % count))
  }
}
